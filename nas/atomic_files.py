"""Files that are written whole or not at all: a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8; its bytes are on disk when this returns. Raises OSError where that cannot be done."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())  # else a power failure may leave the name without the bytes
    temporary.replace(path)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON document; as `write_text`."""
    write_text(path, json.dumps(data, indent=1) + "\n")
