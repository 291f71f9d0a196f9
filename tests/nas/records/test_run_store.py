from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from command_line import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from search_examples import BUDGET, SPACE, TASK, make_stage, make_violation

from nas.cost import Costs, find_violations
from nas.errors import CheckError, SettingError
from nas.events import Progress
from nas.records.run_events import RecordsMended, RunForked
from nas.records.run_store import RunStore
from nas.search.trial import Trial
from nas.space.search_space import Edit, SearchSpace

WIDE = make_stage(block="MBConv", out_channels=128, kernel_size=7, expansion=6, num_blocks=4, activation="swish")
LARGE = SPACE.parse({"stages": [WIDE, WIDE, WIDE]})  # too large in every way


def make_trial(seed: int, number: int = 1) -> Trial:
    architecture = SearchSpace().sample(random.Random(seed))
    return Trial(
        number,
        "rejected",
        "edit_architecture",
        architecture,
        fingerprint=architecture.fingerprint(16),
        parent="c001",
        edits=(Edit(1, "skip", True),),
        costs=Costs(3, 4, 5, 6, 7, 8, 9, 10),
        violations=(make_violation(9, 3), *find_violations(LARGE, SPACE, TASK, BUDGET)),
        reason="too much",
    )


@given(st.integers(0, 2**32))
@settings(deadline=None)  # the first example prices a large network
def test_a_trial_survives_its_json_form(seed: int) -> None:
    trial = make_trial(seed)
    assert Trial.from_dict(trial.to_dict()) == trial


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {"created": "1", "config": {}})
    for number in (1, 2, 3):
        store.append_trial(make_trial(number, number))
        store.append_event(RunForked("other", number), "t")
    store.append_event(Progress("data", "loading"), "t")
    store.close()
    again = RunStore.open(tmp_path, "one")
    assert [trial.id for trial in again.load_trials()] == ["c001", "c002", "c003"]
    assert [line.seq for line in again.load_trace()] == [1, 2, 3]


def test_a_line_torn_by_a_crash_is_cut_off_when_the_run_is_taken_up_again(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {})
    store.append_event(RunForked("other", 1), "t")
    store.close()
    with (store.folder / "trace.jsonl").open("a") as stream:
        stream.write('{"seq": 2, "ki')
    again = RunStore.open(tmp_path, "one")
    assert len(list(again.load_trace())) == 1
    with again:
        again.lock()
        again.append_event(RecordsMended(("trace.jsonl",)), "t")
    assert [line.event.kind for line in again.load_trace()] == ["run_forked", "records_mended"]
    assert [line.seq for line in again.load_trace()] == [1, 2]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {})
    store.close()
    (store.folder / "trials.jsonl").write_text("nonsense\n")
    with pytest.raises(CheckError, match="line 1"):
        store.load_trials()


def test_a_run_has_one_writer(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, "one", {}), pytest.raises(SettingError, match="in use by another process"):
        RunStore.open(tmp_path, "one").lock()
    with RunStore.open(tmp_path, "one") as store:
        store.lock()


def start_writer(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the run; returns once it says so."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom nas.records.run_store import RunStore\n"
        "store = RunStore(Path(sys.argv[1]))\nstore.lock()\nprint('held', flush=True)\nsys.stdin.readline()\n"
        "store.close()\nprint('given back', flush=True)\nsys.stdin.readline()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_refused_until_the_run_is_released(tmp_path: Path) -> None:
    RunStore.create(tmp_path, "one", {}).close()
    with start_writer(tmp_path / "one") as process, RunStore.open(tmp_path, "one") as store:
        with pytest.raises(SettingError) as refused:
            store.lock()
        assert str(refused.value) == "a run has one writer; one is in use by another process; wait or stop it"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "given back\n"
        store.lock()
        process.stdin.write("\n")
    assert (tmp_path / "one" / ".lock").exists()


def test_a_killed_process_holds_no_run(tmp_path: Path) -> None:
    RunStore.create(tmp_path, "one", {}).close()
    with start_writer(tmp_path / "one") as process:
        process.send_signal(signal.SIGKILL)
    with RunStore.open(tmp_path, "one") as store:
        store.lock()


def test_a_run_locked_by_one_thread_may_be_released_by_another(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {})
    thread = threading.Thread(target=store.close)
    thread.start()
    thread.join()
    with RunStore.open(tmp_path, "one") as again:
        again.lock()


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", ".hidden", "x" * 65, "latest", "a b", "\x1b[31m"])
def test_a_run_id_that_could_leave_the_folder_is_refused(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(SettingError, match="a run id must be"):
        RunStore.create(tmp_path, run_id, {})


def test_a_taken_id_is_refused_and_the_run_left_unchanged(tmp_path: Path) -> None:
    RunStore.create(tmp_path, "one", {"created": "1", "config": {}}).close()
    with pytest.raises(SettingError, match="resume one"):
        RunStore.create(tmp_path, "one", {"created": "2", "config": {}})
    assert RunStore.open(tmp_path, "one").load_config() == {"created": "1", "config": {}}


def test_latest_is_the_run_created_last(tmp_path: Path) -> None:
    for run_id, created in (("b", "2026-01-02"), ("a", "2026-01-03"), ("c", "2026-01-01")):
        RunStore.create(tmp_path, run_id, {"created": created}).close()
    assert RunStore.open(tmp_path, "latest").run_id == "a"


def test_a_run_is_found_by_path_and_an_unknown_one_is_one_line(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path / "elsewhere", "one", {})
    store.close()
    assert RunStore.open(tmp_path, str(store.folder)).run_id == "one"
    with pytest.raises(SettingError, match="RUN must be"):
        RunStore.open(tmp_path, "nothing")
    with pytest.raises(SettingError, match="`latest` needs a run"):
        RunStore.open(tmp_path, "latest")


@pytest.mark.parametrize("line", [b"\xff\xfe", b"nonsense", b"[]", b"{}", b'{"id": "c9", "number": 9}'])
def test_a_damaged_trial_is_a_failed_check_that_names_the_file(tmp_path: Path, line: bytes) -> None:
    store = RunStore.create(tmp_path, "one", {"config": {}})
    store.close()
    (store.folder / "trials.jsonl").write_bytes(line + b"\n")
    with pytest.raises(CheckError, match=r"trials\.jsonl"):
        store.load_trials()


@pytest.mark.parametrize("line", [b"{}", b"\xff", b'{"seq": 1}'])
def test_a_damaged_trace_is_a_failed_check_that_names_the_line(tmp_path: Path, line: bytes) -> None:
    store = RunStore.create(tmp_path, "one", {"config": {}})
    store.close()
    (store.folder / "trace.jsonl").write_bytes(line + b"\n")
    with pytest.raises(CheckError, match="line 1"):
        list(store.load_trace())


def test_a_config_without_settings_is_a_failed_check(tmp_path: Path) -> None:
    RunStore.create(tmp_path, "one", {}).close()
    with pytest.raises(CheckError, match=r"config\.json"):
        RunStore.open(tmp_path, "one").load_config()


def test_one_damaged_run_does_not_hide_the_latest(tmp_path: Path) -> None:
    RunStore.create(tmp_path, "good", {"created": "2026"}).close()
    RunStore.create(tmp_path, "bad", {"created": "2027"}).close()
    (tmp_path / "bad" / "config.json").write_text("{")
    assert RunStore.open(tmp_path, "latest").run_id == "good"


def test_a_run_that_could_not_be_created_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        RunStore.create(tmp_path, "one", {"config": object()})
    assert not (tmp_path / "one").exists()
