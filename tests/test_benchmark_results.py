"""Every benchmark figure comes with its commit and machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import ROOT

from benchmarks import results


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "results").glob("*.json")), ids=lambda path: path.name)
def test_every_result_names_date_commit_and_machine(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", document["date"])
    assert re.fullmatch(r"[0-9a-f]{7,}(-dirty)?|unknown", document["commit"])
    assert document["machine"]


def test_a_result_is_headed_by_what_it_was_taken_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = results.describe_commit()
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    results.write("one.json", {"seed": 3}, used="2 threads")
    document = json.loads((tmp_path / "results" / "one.json").read_text(encoding="utf-8"))
    assert list(document) == ["date", "commit", "machine", "seed"]
    assert document["machine"].endswith(", 2 threads")
    assert " cores, Python 3." in document["machine"]
    assert document["commit"] == "unknown"  # the folder is not a checkout
    assert re.fullmatch(r"[0-9a-f]{7,}(-dirty)?|unknown", commit)
    assert json.loads(capsys.readouterr().out) == document
