"""A folder of files that appears whole or not at all, and never replaces anything it did not write itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from nas.errors import CheckError, SettingError

METRICS_FILE = "metrics.json"  # its "files" lists everything else in the folder


def check_replaceable(folder: Path) -> None:
    """Raise SettingError unless `folder` is absent, empty or an earlier delivery to which nothing was added."""
    remedy = "choose another folder"
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SettingError(f"the delivery folder must be a folder; {folder} is a file; {remedy}")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    foreign = sorted(present - _listed_files(folder))
    if foreign:
        rule = "the delivery folder must be new, empty or an earlier delivery"
        raise SettingError(f"{rule}; {folder} holds {foreign[0]}, which no delivery wrote; {remedy} or move the file")


def _listed_files(folder: Path) -> set[str]:
    """The files that the metrics of an earlier delivery name, the metrics file included; none if not a delivery."""
    try:
        metrics = json.loads((folder / METRICS_FILE).read_text(encoding="utf-8"))
        return {*metrics["files"], METRICS_FILE}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` (relative path -> content) as `folder`, replacing an earlier delivery.

    Everything is written beside it, read back and compared before the folder takes its name. Raises SettingError for a
    place that cannot be written to, CheckError for files that come back changed.
    """
    folder = folder.resolve()
    check_replaceable(folder)
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    try:
        _remove(fresh, old)
        for name, content in files.items():
            _write(fresh / name, content)
        _compare(fresh, files)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
    except OSError as error:
        raise SettingError(f"the delivery folder must be writable; {folder}: {error.strerror}; free it") from error
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        _remove(fresh, old)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _compare(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if hashlib.sha256((folder / name).read_bytes()).digest() != hashlib.sha256(content).digest():
            raise CheckError(f"delivered files must read back as written; {name} does not; check the disk")


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
