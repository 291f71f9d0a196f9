"""Shapes and dtypes of tensors checked in every test run, in every module of `nas` that annotates them."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

from jaxtyping import install_import_hook

CHECKER = "beartype.beartype"
# Annotated shapes use jaxtyping; modules that only handle such tensors (weights, checkpoints) have other types checked.
_HANDLES_TENSORS = re.compile(r"^(?:from|import) (?:jaxtyping|torch)\b", re.M)


def find_checked_modules() -> list[str]:
    """Every module of `nas` whose source imports torch or jaxtyping, by its dotted name; none is imported for that."""
    package = find_spec("nas")
    assert package is not None
    assert package.submodule_search_locations
    (folder,) = map(Path, package.submodule_search_locations)
    return sorted(
        ".".join(("nas", *path.relative_to(folder).with_suffix("").parts))
        for path in folder.rglob("*.py")
        if _HANDLES_TENSORS.search(path.read_text(encoding="utf-8"))
    )


def install_shape_checks() -> None:
    """Have these modules checked when they are imported; raises RuntimeError if one has been imported already."""
    modules = find_checked_modules()
    late = sorted(set(modules) & set(sys.modules))
    if late:
        raise RuntimeError(f"shapes cannot be checked in modules that are imported already: {', '.join(late)}")
    install_import_hook(modules, CHECKER)
