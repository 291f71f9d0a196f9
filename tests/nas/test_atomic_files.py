"""A file is replaced whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.documents.atomic_files import replacing, write_json, write_text


def test_a_text_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_text(path, "old")
    write_text(path, "new \u00e9")
    assert path.read_text(encoding="utf-8") == "new \u00e9"
    assert list(tmp_path.iterdir()) == [path]


def test_a_json_document_ends_its_line(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").read_text() == '{\n "a": 1\n}\n'


@pytest.mark.parametrize("stop", [OSError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"old")

    def break_off() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise stop

    with pytest.raises(stop):
        break_off()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_before_can_be_kept(tmp_path: Path) -> None:
    path, kept = tmp_path / "checkpoint", tmp_path / "previous"
    for content in (b"1", b"2", b"3"):
        with replacing(path, keep=kept) as temporary:
            temporary.write_bytes(content)
    assert (path.read_bytes(), kept.read_bytes()) == (b"3", b"2")


def test_a_block_that_writes_nothing_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "file"):
        pass
    assert not list(tmp_path.iterdir())
