"""`replay --verify` runs the real graphs again; any alteration of the records is named with its step."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import kilosmith
from example_run import finish_run, says, whole

from agent.config import resolve_config
from agent.running.reexecution import find_difference, verify
from nas.cost.feasible import sample_feasible
from nas.errors import CheckError
from nas.records.run_events import NodeFinished
from nas.records.run_store import RunStore
from nas.records.trace import GENESIS, chain_digest
from nas.records.trace_line import Record

Records = list[dict[str, Any]]
LIMITS = {"design__max_proposals": 20, "design__max_trials": 20}


def verify_run(store: RunStore, folder: Path) -> tuple[int, int]:
    """The numbers of steps and trials that agree."""
    with RunStore.create(folder, "again", store.load_config()) as target:
        found = verify(store, target, lambda _: None)
    return found.num_steps, found.num_trials


def test_a_finished_run_agrees_with_its_records(example_root: Path, tmp_path: Path) -> None:
    store = RunStore(example_root / "example")
    num_steps, num_trials = verify_run(store, tmp_path)
    finished = [line for line in store.load_trace() if isinstance(line.event, NodeFinished)]
    assert num_steps == len(finished) > 40
    assert num_trials == len(store.load_trials()) == 12


def forge(store: RunStore, change: Callable[[Records], None]) -> None:
    """Alter the trace and make its digests and its seal consistent again: only re-execution can tell."""
    records: Records = [dict(line.record) for line in store.load_trace()]
    change(records)
    digest, lines = GENESIS, []
    for number, record in enumerate(records, start=1):
        record["seq"] = number
        digest = chain_digest(digest, record)
        lines.append(json.dumps(record | {"digest": digest}, separators=(",", ":")) + "\n")
    (store.folder / "trace.jsonl").write_text("".join(lines))
    (store.folder / "trace.seal").write_text(f"{len(records):>12} {digest}\n")


def pick(records: Records, kind: str, place: int = 0) -> dict[str, Any]:
    return [record for record in records if record["kind"] == kind][place]


def alter_an_answer(records: Records) -> None:
    answer = pick(records, "llm_answered", 3)
    answer["data"]["tool_calls"][0]["args"]["stages"][0]["out_channels"] = 24


def alter_a_request(records: Records) -> None:
    pick(records, "llm_requested", 2)["data"]["seed"] += 1


def alter_a_trained_figure(records: Records) -> None:
    phase = next(r for r in records if r["kind"] == "phase_finished" and r["data"]["candidate"] == "c004")
    phase["data"]["validation_accuracy"] = 0.999


def alter_a_verdict(records: Records) -> None:
    update = next(r for r in records if r["kind"] == "node_finished" and r["data"]["node"] == "screen")
    update["data"]["update"]["candidates"] = ["c777"]


def swap_two_lines(records: Records) -> None:
    place = next(index for index, record in enumerate(records) if record["kind"] == "tool_called")
    records[place], records[place + 1] = records[place + 1], records[place]


def drop_a_tool_answer(records: Records) -> None:
    records.remove(pick(records, "tool_answered", 1))


def alter_the_end(records: Records) -> None:
    records[-1]["data"]["hypervolume"] = 0.99


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (alter_an_answer, r"step 1\d \(design\.(propose|screen), line \d+"),
        (alter_a_request, r"step 1?\d \(design\.propose, line \d+ .* differs in llm_requested: seed"),
        (alter_a_trained_figure, r"step \d+ \(design\.evaluate.* settles c004 otherwise.*validation_accuracy"),
        (alter_a_verdict, r"step 3 \(design\.screen.* differs in node_finished"),
        (swap_two_lines, r"step \d+ \(design\.\w+, line \d+ of the trace\) differs"),
        (drop_a_tool_answer, r"step \d+ \(design\.\w+, line \d+ of the trace\) differs"),
        (alter_the_end, r"the run's end \(line \d+ of the trace\) differs: hypervolume"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_forged_trace_fails_at_the_step_that_differs(
    example_copy: RunStore, tmp_path: Path, change: Callable[[Records], None], words: str
) -> None:
    forge(example_copy, change)
    with pytest.raises(CheckError, match=words):
        verify_run(example_copy, tmp_path)


def edit_trials(store: RunStore, change: Callable[[Records], None]) -> None:
    path = store.folder / "trials.jsonl"
    trials = [json.loads(line) for line in path.read_text().splitlines()]
    change(trials)
    path.write_text("".join(json.dumps(trial, separators=(",", ":")) + "\n" for trial in trials))


def alter_costs(trials: Records) -> None:
    trials[3]["costs"]["macs"] += 1


def alter_accuracy(trials: Records) -> None:
    trials[0]["validation_accuracy"] = 0.99


def swap_trials(trials: Records) -> None:
    trials[0], trials[1] = trials[1], trials[0]


def add_a_trial(trials: Records) -> None:
    trials.append({**trials[-1], "id": "c013", "number": 13})


def drop_a_trial(trials: Records) -> None:
    del trials[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (alter_costs, r"step \d+ \(design\.\w+.* settles c004 otherwise than trials\.jsonl says: costs\.macs"),
        (alter_accuracy, r"step \d+ \(design\.evaluate.* settles c001 otherwise .*: validation_accuracy"),
        (swap_trials, r"step \d+ .* settles trials in the order .*; trials\.jsonl has another"),
        (add_a_trial, r"trials\.jsonl holds c013, which no step of the trace settles"),
        (drop_a_trial, r"settles c002, which trials\.jsonl does not hold"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_altered_trials_fail_at_the_step_that_settles_them(
    example_copy: RunStore, tmp_path: Path, change: Callable[[Records], None], words: str
) -> None:
    edit_trials(example_copy, change)
    with pytest.raises(CheckError, match=words):
        verify_run(example_copy, tmp_path)


def test_altered_settings_are_found(example_copy: RunStore, tmp_path: Path) -> None:
    path = example_copy.folder / "config.json"
    config = json.loads(path.read_text())
    config["config"]["seed"] = 5
    path.write_text(json.dumps(config))
    with pytest.raises(CheckError, match=r"config\.json differs .*seed"):
        verify_run(example_copy, tmp_path)


def test_on_the_command_line_a_tampered_trace_is_one_line_and_exit_code_5(example_copy: RunStore) -> None:
    runs = ("--runs", str(example_copy.folder.parent))
    passed = kilosmith("replay", "example", "--verify", "--json", *runs, cwd=example_copy.folder)
    assert passed.returncode == 0, passed.stderr
    assert json.loads(passed.stdout) == {
        "run": "example",
        "verified": True,
        "steps": 46,
        "trials": 12,
        "is_finished": True,
    }
    path = example_copy.folder / "trace.jsonl"
    path.write_text(path.read_text().replace('"out_channels":48', '"out_channels":64', 1))
    for extra in (["--verify"], []):
        failed = kilosmith("replay", "example", *extra, *runs, cwd=example_copy.folder)
        assert failed.returncode == 5
        (line,) = failed.stderr.splitlines()
        assert "in or after step" in line
        assert "was altered, moved or removed" in line


def twenty_designs() -> list[dict[str, Any]]:
    """Legal designs of the quick preset, no two the same network."""
    config = resolve_config("quick")
    space, task, budget, rng = config.resolve_space(), config.resolve_task(), config.resolve_budget(), random.Random(5)
    found: dict[str, Any] = {}
    while len(found) < 20:
        architecture = sample_feasible(space, task, budget, rng)
        stages = [
            {name: value for name, value in stage.items() if value is not None}
            for stage in architecture.to_dict()["stages"]
        ]
        found[architecture.fingerprint(task.stem_channels)] = whole(*stages)
    return [says(design) for design in found.values()]


def test_a_run_of_twenty_trials_agrees_with_its_records_and_a_changed_answer_does_not(tmp_path: Path) -> None:
    store = finish_run(tmp_path / "runs", twenty_designs(), figures={}, design__num_whole=20, **LIMITS)
    assert [trial.state for trial in store.load_trials()] == ["trained"] * 20
    num_steps, num_trials = verify_run(store, tmp_path)
    assert num_trials == 20
    assert num_steps > 80

    def alter(records: Records) -> None:
        stage = pick(records, "llm_answered", 15)["data"]["tool_calls"][0]["args"]["stages"][0]
        stage["kernel_size"] = 3 if stage["kernel_size"] == 7 else 7

    forge(store, alter)
    shutil.rmtree(tmp_path / "again")
    with pytest.raises(CheckError, match=r"step 6\d \(design\.propose"):
        verify_run(store, tmp_path)


@pytest.mark.parametrize(
    ("recorded", "executed", "words"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": 1.0}, {"a": 1.0 + 1e-13}, ""),
        ({"a": 1}, {"a": 1.0}, "a is recorded as 1"),
        ({"a": True}, {"a": 1}, "a is recorded as true"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a.1 is recorded as 2"),
        ({"a": [1]}, {"a": [1, 2]}, "a is recorded as [1]"),
        ({}, {"a": 1}, "a is missing in the record"),
        ({"a": 1}, {}, "a is only in the record"),
    ],
)
def test_the_first_difference_is_named_by_its_place(recorded: Record, executed: Record, words: str) -> None:
    found = find_difference(recorded, executed)
    assert found.startswith(words)
    assert bool(found) == bool(words)
