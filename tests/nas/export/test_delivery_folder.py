from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nas.errors import CheckError, SettingError
from nas.export import delivery_folder
from nas.export.delivery_folder import write_folder

METRICS = json.dumps({"files": {"a/b.bin": "-"}}).encode()
FILES = {"a/b.bin": b"first", "metrics.json": METRICS}


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_holds_the_files_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "deep" / "c0001", FILES)
    assert read(tmp_path) == {f"deep/c0001/{name}": content for name, content in FILES.items()}


def test_an_earlier_delivery_is_replaced_whole(tmp_path: Path) -> None:
    write_folder(tmp_path / "c0001", FILES)
    write_folder(tmp_path / "c0001", {"c.bin": b"second", "metrics.json": b"{}"})
    assert read(tmp_path / "c0001") == {"c.bin": b"second", "metrics.json": b"{}"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "c0001").mkdir()
    write_folder(tmp_path / "c0001", FILES)
    assert read(tmp_path / "c0001") == FILES


@pytest.mark.parametrize("delivered", [True, False])
def test_a_folder_with_foreign_files_is_refused_and_kept(tmp_path: Path, delivered: bool) -> None:
    if delivered:
        write_folder(tmp_path / "c0001", FILES)
    (tmp_path / "c0001").mkdir(exist_ok=True)
    (tmp_path / "c0001" / "notes.txt").write_text("mine")
    before = read(tmp_path)
    with pytest.raises(SettingError, match=r"must be new, empty or an earlier delivery.*holds notes.txt"):
        write_folder(tmp_path / "c0001", FILES)
    assert read(tmp_path) == before


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c0001").write_text("mine")
    with pytest.raises(SettingError, match="is a file; choose another folder"):
        write_folder(tmp_path / "c0001", FILES)


def test_a_place_that_cannot_be_written_is_one_line_of_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"must be writable.*Not a directory"):
        write_folder(tmp_path / "file" / "c0001", FILES)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interruption_leaves_the_earlier_delivery_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    write_folder(tmp_path / "c0001", FILES)

    def interrupt(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises((SettingError, KeyboardInterrupt)):
        write_folder(tmp_path / "c0001", {"a/b.bin": b"second", "metrics.json": METRICS})
    assert read(tmp_path) == {f"c0001/{name}": content for name, content in FILES.items()}


def test_a_file_that_reads_back_changed_is_not_a_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        delivery_folder,
        "_write",
        lambda path, content: path.parent.mkdir(parents=True, exist_ok=True) or path.write_bytes(content[:-1]),
    )
    with pytest.raises(CheckError, match="must read back as written"):
        write_folder(tmp_path / "c0001", FILES)
    assert read(tmp_path) == {}
