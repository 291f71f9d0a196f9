"""`replay` plays, lists and filters a trace; `resume --from` forks the run at an earlier step."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from command_line import kilosmith
from example_run import PROPOSALS, MadeUpExecutor, edit, prepare_resources, says

from agent.running.forking import configure_fork, fork_run, name_fork
from agent.running.runner import drive_run, open_run
from agent.terminal.playback import Selection, play
from nas.errors import CheckError, SettingError
from nas.events import ignore_events
from nas.records.run_events import RunForked
from nas.records.run_store import RunStore


def replay(root: Path, *arguments: str) -> str:
    ended = kilosmith("replay", "example", *arguments, "--runs", str(root), cwd=root)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_every_step_is_played_with_its_number(example_root: Path) -> None:
    told = replay(example_root)
    assert re.search(r"^ +3 +screened +c001 legal", told, re.M)
    assert int(re.findall(r"^ +(\d+) ", told, re.M)[-1]) == 46
    assert told.index("c001 legal") < told.index("c012")


def test_a_range_and_a_filter_choose_steps(example_root: Path) -> None:
    rows: list[dict[str, Any]] = json.loads(replay(example_root, "--steps", "--json"))
    assert [row["step"] for row in rows] == list(range(1, 47))
    screens = [row["step"] for row in rows if row["node"] == "design.screen"]
    told = replay(example_root, "--from", str(screens[1]), "--to", str(screens[1]))
    assert "c002" in told
    assert "c001 legal" not in told
    chosen = json.loads(replay(example_root, "--only", "screen", "--json"))
    assert {record["step"] for record in chosen if record["step"]} == set(screens)
    about = json.loads(replay(example_root, "--only", "c009", "--json"))
    assert {"screen", "evaluate"} <= {record["data"].get("node") for record in about}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "47"], "--from must be a step of the run, 1 to 46; got 47"),
        (["--from", "5", "--to", "4"], "--to must not come before --from"),
        (["--only", "nobody"], "--only must name nodes (examine, propose, screen"),
    ],
)
def test_a_selection_outside_the_run_is_one_line(example_root: Path, arguments: list[str], words: str) -> None:
    ended = kilosmith("replay", "example", *arguments, "--runs", str(example_root), cwd=example_root)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert words in line


def test_a_pause_waits_for_enter_and_ends_with_the_input(example_root: Path) -> None:
    runs = ("--runs", str(example_root))
    ended = kilosmith("replay", "example", "--pause", *runs, cwd=example_root, stdin="\n\n")
    assert ended.returncode == 130
    assert "step 2; Enter goes on" in ended.stderr
    assert "c001 legal" in ended.stdout
    assert "c002" not in ended.stdout


def test_a_speed_keeps_the_pauses_of_the_run_in_proportion(
    example_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, pauses = RunStore(example_root / "example"), list[float]()
    monkeypatch.setattr("agent.terminal.playback.time.sleep", pauses.append)
    times = [datetime.fromisoformat(line.time) for line in store.load_trace()]
    lasted = (times[-1] - times[0]).total_seconds()
    play(store, Selection(), speed=10.0, pause=False, quiet=True)
    assert sum(pauses) == pytest.approx(lasted / 10)
    pauses.clear()
    play(store, Selection(), speed=0.0, pause=False, quiet=True)
    assert not pauses
    assert capsys.readouterr().out == ""


# --- forks ---------------------------------------------------------------------------------------------------------


def step_of(store: RunStore, node: str, place: int) -> int:
    from nas.records.trace import read_steps

    return [step.number for step in read_steps(store.load_trace()) if step.node == node][place]


def test_a_fork_shares_the_steps_before_and_goes_its_own_way(example_copy: RunStore) -> None:
    root = example_copy.folder.parent
    step = step_of(example_copy, "propose", 8)  # that of c009
    config = configure_fork(example_copy, {"spec": None, "url": None})
    fork_id = name_fork(root, "example", step)
    answers = [says(proposal) for proposal in PROPOSALS]
    answers[8] = says(edit("c004", (3, "out_channels", 48), (1, "kernel_size", 7)))
    with fork_run(example_copy, config, root, fork_id, step, lambda _: None) as fork:
        run = open_run(config, prepare_resources(config, answers), fork, ignore_events, open_executor=MadeUpExecutor)
        drive_run(run, lambda payload: list(payload["winners"]))
    forked, original = fork.load_trials(), example_copy.load_trials()
    assert forked[:8] == original[:8]
    assert forked[8] != original[8]
    forks = [line.event for line in fork.load_trace() if isinstance(line.event, RunForked)]
    assert forks == [RunForked("example", step)]
    assert name_fork(root, "example", step) == f"{fork_id}.2"
    verified = kilosmith("replay", fork_id, "--verify", "--quiet", "--runs", str(root), cwd=root)
    assert verified.returncode == 0, verified.stderr


def test_a_fork_of_a_damaged_run_needs_only_the_shared_steps(example_copy: RunStore) -> None:
    path = example_copy.folder / "trace.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:-4], lines[-4].replace("}", " }", 1), *lines[-3:]]).replace("9896", "9999"))
    root, config = example_copy.folder.parent, configure_fork(example_copy, {})
    with fork_run(example_copy, config, root, "mended", 6, lambda _: None) as fork:
        assert [trial.id for trial in fork.load_trials()] == ["c001"]
    with pytest.raises(CheckError, match="was altered"):
        fork_run(example_copy, config, root, "late", 46, lambda _: None)
    assert not (root / "late").exists()


def test_a_fork_from_a_step_that_is_not_there_is_one_line(example_copy: RunStore) -> None:
    root = example_copy.folder.parent
    with pytest.raises(SettingError, match="--from must be a step of the run, 1 to 47; got 99"):
        fork_run(example_copy, configure_fork(example_copy, {}), root, "fork", 99, lambda _: None)
    ended = kilosmith("resume", "example", "--name", "x", "--runs", str(root), cwd=root)
    assert ended.returncode == 2
    assert "go with --from STEP" in ended.stderr
