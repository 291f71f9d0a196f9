from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cost import Costs
from nas.errors import CheckError, SettingError
from nas.events import Event
from nas.records.run_store import RunStore
from nas.search.trial import Trial
from nas.space.search_space import Edit, SearchSpace


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
        violations=({"constraint": "macs"},),
        reason="too much",
    )


@given(st.integers(0, 2**32))
def test_a_trial_survives_its_json_form(seed: int) -> None:
    trial = make_trial(seed)
    assert Trial.from_dict(trial.to_dict()) == trial


def test_records_are_read_back_in_order(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {"created": "1", "config": {}})
    for number in (1, 2, 3):
        store.append_trial(make_trial(number, number))
        store.append_event(Event("tick", {"number": number}), "t")
    store.append_event(Event("progress", transient=True), "t")
    store.close()
    again = RunStore.open(tmp_path, "one")
    assert [trial.id for trial in again.load_trials()] == ["c001", "c002", "c003"]
    assert [record["seq"] for record in again.load_trace()] == [1, 2, 3]


def test_a_line_torn_by_a_crash_is_cut_off_when_the_run_is_taken_up_again(tmp_path: Path) -> None:
    store = RunStore.create(tmp_path, "one", {})
    store.append_event(Event("tick", {}), "t")
    store.close()
    with (store.folder / "trace.jsonl").open("a") as stream:
        stream.write('{"seq": 2, "ki')
    again = RunStore.open(tmp_path, "one")
    assert len(list(again.load_trace())) == 1
    with again:
        again.lock()
        again.append_event(Event("tock", {}), "t")
    assert [record["kind"] for record in again.load_trace()] == ["tick", "tock"]
    assert [record["seq"] for record in again.load_trace()] == [1, 2]


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


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", ".hidden", "x" * 65, "latest", "a b", "\x1b[31m"])
def test_a_run_id_that_could_leave_the_folder_is_refused(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(SettingError, match="a run id must be"):
        RunStore.create(tmp_path, run_id, {})


def test_a_taken_id_is_refused_and_the_run_left_as_it_was(tmp_path: Path) -> None:
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
