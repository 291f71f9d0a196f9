"""A run killed with SIGKILL, repeatedly and in every phase, ends like one that was never killed."""

from __future__ import annotations

import hashlib
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import FAST, kilosmith, start_kilosmith

# long enough phases to be hit inside one
SETTINGS = (
    *FAST,
    *("--set", "training.mini.epochs=8", "--set", "training.full.epochs=12"),
    *("--set", "training.distill.epochs=12", "--set", "training.teacher.epochs=8"),
)
# the node in which each kill falls, and the longest wait in seconds after it has begun
KILLS = (
    ("propose", 0.3),
    ("evaluate", 3.0),
    ("evaluate", 3.0),
    ("evaluate", 3.0),
    ("train_fully", 3.0),
    ("train_fully", 3.0),
    ("distill", 3.0),  # the teacher
    ("distill", 6.0),
    ("export", 4.0),
    ("export", 10.0),
)


def read_lines(path: Path) -> list[dict[str, Any]]:
    whole = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in whole if line.endswith("\n")]


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_seconds(item) for key, item in value.items() if key != "seconds"}
    return [without_seconds(item) for item in value] if isinstance(value, list) else value


def kill_in(node: str, delay: float, arguments: tuple[str, ...], folder: Path) -> bool:
    """Start the command and kill it `delay` seconds after the node began; returns whether it was still in the node."""
    trace = folder / "runs" / "one" / "trace.jsonl"
    known = len(read_lines(trace))
    process = start_kilosmith(*arguments, cwd=folder)
    deadline = time.monotonic() + 240
    while not any(
        line["kind"] == "node_started" and line["data"]["node"] == node for line in read_lines(trace)[known:]
    ):
        assert process.poll() is None, f"ended before {node}"
        assert time.monotonic() < deadline, f"never came to {node}"
        time.sleep(0.02)
    time.sleep(delay)
    process.kill()
    process.communicate()
    steps = [line["data"]["node"] for line in read_lines(trace) if line["kind"] == "node_started"]
    ended = sum(line["kind"] == "node_finished" and line["data"]["node"] == node for line in read_lines(trace)[known:])
    return steps[-1] == node and not ended


def outcome(folder: Path) -> tuple[Any, dict[str, str]]:
    """The trials without their times, and the digests of what was delivered."""
    run = folder / "runs" / "one"
    models = sorted(run.glob("delivery/*/*.tflite")) + sorted(run.glob("delivery/*/weights.safetensors"))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in models}
    return without_seconds(read_lines(run / "trials.jsonl")), digests


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_kills_at_random_moments_change_no_trial_and_no_weight(tmp_path: Path) -> None:
    seed = time.time_ns() % 1000
    print(f"seed of the moments: {seed}")
    rng = random.Random(seed)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    run = ("run", "--llm", "mutate", "--name", "one", *SETTINGS)
    result = kilosmith(*run, cwd=whole)
    assert result.returncode == 0, result.stderr
    hits = []
    for place, (node, longest) in enumerate(KILLS):
        delay = rng.uniform(0, longest)
        hits.append(kill_in(node, delay, ("resume", "one") if place else run, killed))
        print(f"killed {delay:.2f} s into {node}, still in it: {hits[-1]}")
    assert sum(hits) >= 5
    result = kilosmith("resume", "one", cwd=killed)
    assert result.returncode == 0, result.stderr
    assert outcome(killed) == outcome(whole)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_any_number_of_workers_killed_or_not_brings_the_same_trials(tmp_path: Path) -> None:
    batch = (*SETTINGS, "--set", "design.batch=2", "--set", "design.max_trials=4")
    run = ("run", "--llm", "mutate", "--name", "one", *batch, "--approve", "ask")  # no one answers: no delivery
    trials = {}
    for name, workers in (("alone", "1"), ("two", "2"), ("killed", "2")):
        folder = tmp_path / name
        folder.mkdir()
        command = (*run, "--workers", workers)
        if name == "killed":
            kill_in("evaluate", 6.0, command, folder)
            command = ("resume", "one")
        result = kilosmith(*command, cwd=folder)
        assert result.returncode == 130, result.stderr
        trials[name] = outcome(folder)[0]
    assert sum(trial["state"] == "trained" for trial in trials["alone"]) == 4
    assert trials["two"] == trials["alone"]
    assert trials["killed"] == trials["alone"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_killed_run_with_rungs_stops_the_same_candidates(tmp_path: Path) -> None:
    seed = time.time_ns() % 1000
    print(f"seed of the moments: {seed}")
    rng = random.Random(seed)
    rungs = (
        *(*SETTINGS, "--set", "training.halving.rungs=[2, 4]", "--set", "training.halving.min_peers=2"),
        *("--set", "training.halving.keep=0.3", "--set", "design.max_trials=8"),
    )
    run = ("run", "--llm", "random", "--name", "one", *rungs, "--approve", "ask")  # no one answers: no delivery
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    result = kilosmith(*run, cwd=whole)
    assert result.returncode == 130, result.stderr
    hits = [kill_in("evaluate", rng.uniform(0, 3), ("resume", "one") if place else run, killed) for place in range(6)]
    print(f"still in the mini-phase: {hits}")
    assert sum(hits) >= 3
    result = kilosmith("resume", "one", cwd=killed)
    assert result.returncode == 130, result.stderr
    assert outcome(killed)[0] == outcome(whole)[0]
    states = [trial["state"] for trial in outcome(whole)[0]]
    assert "stopped" in states, states
    assert "trained" in states, states
