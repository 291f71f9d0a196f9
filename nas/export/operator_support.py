"""Which operators TensorFlow Lite Micro knows, read from `tflm_operators.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from nas.errors import CheckError


def require_supported(operators: Iterable[str]) -> None:
    """Raise CheckError naming the first operator TFLM cannot register; `operators` are names in the schema."""
    for index, operator in enumerate(operators):
        if operator not in _methods():
            rule = f"every operator must be one of the {len(_methods())} built-in ones of TFLM"
            raise CheckError(f"{rule}; operator {index} is {operator}; build the network without it")


def resolver_methods(operators: Iterable[str]) -> tuple[str, ...]:
    """Methods of MicroMutableOpResolver, sorted, that register `operators`; raises as `require_supported`."""
    wanted = tuple(operators)
    require_supported(wanted)
    return tuple(sorted({_methods()[operator] for operator in wanted}))


@cache
def _methods() -> dict[str, str]:
    return dict(
        tomllib.loads(resources.files("nas.export").joinpath("tflm_operators.toml").read_text(encoding="utf-8"))
    )
