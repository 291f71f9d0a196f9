"""The command that compares two runs finds what differs, and nothing where only times do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import ROOT

from tests import same_run

RECORDED = ROOT / "tests" / "recorded_runs"


def run(monkeypatch: pytest.MonkeyPatch, first: Path, second: Path) -> int:
    monkeypatch.setattr("sys.argv", ["same_run", str(first), str(second)])
    return same_run.main()


def test_a_run_equals_its_copy_that_took_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(RECORDED / "guided", tmp_path / "copy")
    lines = (tmp_path / "copy" / "trials.jsonl").read_text(encoding="utf-8")
    (tmp_path / "copy" / "trials.jsonl").write_text(lines.replace('"seconds":', '"seconds":9'), encoding="utf-8")
    assert run(monkeypatch, RECORDED / "guided", tmp_path / "copy") == 0
    assert "in every field but seconds" in capsys.readouterr().out


def test_another_trial_or_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, RECORDED / "guided", RECORDED / "halving") == 1
    shutil.copytree(RECORDED / "guided", tmp_path / "copy")
    (tmp_path / "copy" / "delivery").mkdir()
    (tmp_path / "copy" / "delivery" / "model.tflite").write_bytes(b"other")
    capsys.readouterr()
    assert run(monkeypatch, RECORDED / "guided", tmp_path / "copy") == 1
    assert capsys.readouterr().out == "delivery/model.tflite differs\n"
