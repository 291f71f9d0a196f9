"""Runs recorded by older versions open in every command that reads a run, and verify."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import ROOT, kilosmith

from nas.records.run_store import RunStore

RECORDED = ROOT / "tests" / "recorded_runs"
RUNS = sorted(path.parent.name for path in RECORDED.glob("*/config.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose `runs` are copies of the recorded ones."""
    shutil.copytree(RECORDED, tmp_path / "runs")
    return tmp_path


def read(folder: Path, *arguments: str) -> str:
    """What the command prints on stdout."""
    done = kilosmith(*arguments, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_of_every_kind_are_there() -> None:
    assert RUNS == ["autonomous", "guided", "halving"]
    states = {trial.state for name in RUNS for trial in RunStore(RECORDED / name).load_trials()}
    assert states >= {"trained", "stopped", "rejected", "invalid", "untrained"}
    assert all(path.stat().st_size < 250_000 for path in RECORDED.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_is_listed_and_played(name: str, folder: Path) -> None:
    trials = json.loads(read(folder, "trials", name, "--json"))
    assert trials == [json.loads(line) for line in (RECORDED / name / "trials.jsonl").read_text().splitlines()]
    best = max(trial["validation_accuracy"] or 0 for trial in trials if trial["state"] == "trained")
    front = json.loads(read(folder, "front", name, "--json"))
    assert front[0]["validation_accuracy"] == best
    for command in ("trials", "front", "replay"):
        assert front[0]["id"] in read(folder, command, name)
    steps = json.loads(read(folder, "replay", name, "--steps", "--json"))
    assert [step["step"] for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0]["node"] == "design.examine"
    assert steps[-1]["node"].split(".")[1] in read(folder, "replay", name, "--steps")
    records = json.loads(read(folder, "replay", name, "--json"))
    assert len(records) == len((RECORDED / name / "trace.jsonl").read_text().splitlines())


@pytest.mark.parametrize("name", RUNS)
def test_questions_about_a_recorded_run_are_answered(name: str, folder: Path) -> None:
    (first, *_) = json.loads(read(folder, "front", name, "--json"))
    asked = json.loads(read(folder, "ask", name, f"why {first['id']}", "--json"))
    assert asked["calls"][0]["args"]["candidate_id"] == first["id"]
    assert first["id"] in asked["answer"]
    assert not asked["is_declined"]
    history = kilosmith("chat", name, cwd=folder, stdin="/history\n")
    assert history.returncode == 0, history.stderr
    assert first["id"] in history.stdout


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_is_reported_and_compared(name: str, folder: Path) -> None:
    report = json.loads(read(folder, "report", name, "--json"))
    assert f"Run {name}" in (folder / report["report"]).read_text(encoding="utf-8")
    shutil.copytree(folder / "runs" / name, folder / "runs" / "again")
    read(folder, "compare", name, "again", "--out", "both.html")
    page = (folder / "both.html").read_text(encoding="utf-8")
    assert name in page
    assert "again" in page


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_run_verifies(name: str, folder: Path) -> None:
    verified = json.loads(read(folder, "replay", name, "--verify", "--json"))
    assert verified["verified"] is True
    assert verified["is_finished"] is True
    assert verified["trials"] == len(RunStore(RECORDED / name).load_trials())
