"""Files that are written whole or not at all: a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path, *, keep: Path | None = None) -> Iterator[Path]:
    """A temporary path beside `path`, to be written in the block; it takes the name of `path` when the block succeeds.

    Its bytes are on disk by then. A file that was there before moves to `keep`, if given. Raises OSError where that
    cannot be done; after any error the earlier file is at `path` or `keep`, and nothing temporary is left.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())  # else a power failure may leave the name without the bytes
        if keep is not None and path.exists():
            path.replace(keep)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8; as `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON document; as `replacing`."""
    write_text(path, json.dumps(data, indent=1) + "\n")
