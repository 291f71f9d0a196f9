"""Every kind of event as a line of a trace: written, read back, and named where it is wrong."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from event_examples import ANSWERED, FINISHED, JUDGED, LASTING, STARTED, TRANSIENT
from hypothesis import given
from hypothesis import strategies as st

import nas
from nas.errors import CheckError
from nas.events import Event
from nas.records.run_events import (
    DriveChosen,
    LlmAnswered,
    NodeFinished,
    NodeStarted,
    RunStarted,
    ToolAnswered,
    ToolCalled,
)
from nas.records.run_store import RunStore
from nas.records.trace import chain_digest, read_steps
from nas.records.trace_line import FORMAT, KINDS, TraceLine, read_line
from nas.training import EpochResult, TrainedPhase
from nas.training.phase_events import PhaseFinished

KINDS_OF_A_RUN = (
    *("run_started", "run_forked", "run_finished", "records_mended", "tracking_failed"),
    *("node_started", "node_finished", "node_waiting", "drive_chosen", "approval_answered"),
    *("llm_requested", "llm_answered", "llm_failed", "tool_called", "tool_answered", "tool_unknown", "calls_ignored"),
    *("feedback_given", "judged", "front_changed", "phase_finished", "explained", "delivered"),
)


def name(event: Event) -> str:
    return event.kind


def write_record(event: Event, **changes: Any) -> dict[str, Any]:
    """The event's line as JSON returns it, with `changes` to its data."""
    data = json.loads(json.dumps(event.to_dict())) | changes
    return {"seq": 7, "time": "", "kind": event.kind, "data": data, "digest": ""}


def find_event_classes() -> set[type[Event]]:
    modules = (
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(nas.__path__, "nas.")
        if "event" in module.name or module.name.rpartition(".")[2] in ("delivered", "explained")
    )
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Event) and found is not Event
    }


def test_every_event_that_lasts_is_in_the_table_under_its_kind() -> None:
    assert sorted(KINDS) == sorted(KINDS_OF_A_RUN)
    assert all(found.kind == kind for kind, found in KINDS.items())
    lasting = {found for found in find_event_classes() if not found.transient}
    assert lasting == set(KINDS.values())
    assert {(one.__module__, one.__qualname__) for one in Event.__subclasses__()} == {
        (one.__module__, one.__qualname__) for one in find_event_classes()
    }


def test_there_is_an_example_of_every_kind() -> None:
    assert sorted(event.kind for event in LASTING) == sorted(KINDS)
    assert {type(event) for event in (*LASTING, *TRANSIENT)} == find_event_classes()


@pytest.mark.parametrize("event", [*LASTING, *TRANSIENT], ids=name)
def test_an_event_survives_its_json_form(event: Event) -> None:
    data = event.to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert type(event).from_dict(data) == event


@pytest.mark.parametrize("event", LASTING, ids=name)
def test_an_event_on_record_is_read_back_with_its_raw_line(tmp_path: Path, event: Event) -> None:
    with RunStore.create(tmp_path, "one", {"config": {}}) as store:
        store.append_event(event, "2026-01-01T00:00:00+00:00")
    (written,) = (store.folder / "trace.jsonl").read_text().splitlines()
    (line,) = store.load_trace()
    assert list(json.loads(written)) == ["seq", "time", "kind", "data", "digest"]
    assert line.record == json.loads(written)
    assert line.digest == chain_digest("0" * 32, line.record)
    assert (line.seq, line.time, line.event) == (1, "2026-01-01T00:00:00+00:00", event)


def test_transient_events_are_not_stored(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, "one", {"config": {}}) as store:
        for event in TRANSIENT:
            store.append_event(event, "")
    assert list(store.load_trace()) == []


# the keys that traces have had since their lines formed a chain, in order
KEYS = {
    "run_started": "format run preset seed llm data input num_classes board budget max_proposals max_trials resumed "
    "num_images data_remarks designer config",
    "run_finished": "run folder counts llm front hypervolume winners deliveries",
    "node_finished": "graph node update seconds",
    "drive_chosen": "drive by num_right num_asked",
    "llm_requested": "key messages num_told tools tool_choice seed index",
    "llm_answered": "content tool_calls num_calls_left_out invalid_tool_calls usage metadata seconds",
    "llm_failed": "key error too_long seconds",
    "tool_answered": "tool text artifact seconds",
    "feedback_given": "candidate parent niche suggestions rejections",
    "judged": "candidate state reason violations macs params arena_bytes flash_bytes",
    "front_changed": "front size hypervolume",
    "phase_finished": "candidate phase validation_accuracy curve seconds failure teacher_accuracy note stopped",
    "explained": "candidate mode by selected checked num_offered note",
    "delivered": "candidate metrics",
}


@pytest.mark.parametrize("event", LASTING, ids=name)
def test_keys_stay_unchanged(event: Event) -> None:
    keys = KEYS.get(event.kind, " ".join(field.name for field in fields(event)))
    assert " ".join(event.to_dict()) == keys


def test_fields_with_nothing_to_say_are_left_out() -> None:
    assert DriveChosen("guided", "kind").to_dict() == {"drive": "guided", "by": "kind"}
    assert "stopped" not in PhaseFinished("c001", TrainedPhase("full", 0.5, (), 1.0)).to_dict()
    assert PhaseFinished("c001", TrainedPhase("full", 0.5, (), 1.0)).to_dict()["teacher_accuracy"] is None
    silent = LlmAnswered(content="", tool_calls=(), usage=None, seconds=0.5)
    assert silent.to_dict()["usage"] is None


@pytest.mark.parametrize("event", LASTING, ids=name)
def test_every_field_that_is_missing_has_a_default_or_is_named(event: Event) -> None:
    record = write_record(event)
    for field in record["data"]:
        left = {key: value for key, value in record["data"].items() if key != field}
        try:
            read_line(record | {"data": left})
        except CheckError as error:
            assert f"line 7 of the trace must hold a whole {event.kind}: '{field}'" in str(error)  # noqa: PT017


@pytest.mark.parametrize("event", LASTING, ids=name)
def test_an_unknown_field_is_named(event: Event) -> None:
    with pytest.raises(CheckError, match=rf"line 7 .* whole {event.kind}: 'colour' is unknown"):
        read_line(write_record(event, colour="red"))


@pytest.mark.parametrize(
    ("event", "changes", "words"),
    [
        (STARTED, {"seed": "0"}, "'seed' must be a whole number; got '0'"),
        (STARTED, {"resumed": 1}, "'resumed' must be true or false; got 1"),
        (STARTED, {"input": [16, 16]}, "'input' must be a list of 3"),
        (STARTED, {"num_images": {"train": "many"}}, "'num_images.train' must be a whole number"),
        (STARTED, {"budget": {"macs_min": 3}}, "'budget.macs_max' is wrong: Field required"),
        (STARTED, {"designer": None}, "'designer' must be an object"),
        (FINISHED, {"llm": {"answers": 1}}, "'llm.input_tokens' is missing"),
        (FINISHED, {"front": [{"id": "c001"}]}, "'front.0.validation_accuracy' is missing"),
        (FINISHED, {"hypervolume": True}, "'hypervolume' must be a finite number"),
        (ANSWERED, {"tool_calls": [{"name": 3, "args": {}}]}, "'tool_calls.0.name' must be text"),
        (ANSWERED, {"usage": 3}, "'usage' must be an object"),
        (JUDGED, {"state": "fine"}, "'state' must be 'proposed' or 'invalid'"),
        (JUDGED, {"violations": "many"}, "'violations' must be a list"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(event: Event, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CheckError, match=f"line 7 .* whole {event.kind}: {words}"):
        read_line(write_record(event, **changes))


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(LASTING), st.data(), values)
def test_damaged_data_is_a_failed_check_or_an_event(event: Event, data: st.DataObject, value: object) -> None:
    record = write_record(event)
    record["data"][data.draw(st.sampled_from(sorted(record["data"])))] = value
    try:
        found = read_line(record).event
    except CheckError as error:
        assert "line 7" in str(error)  # noqa: PT017
    else:
        assert found.kind == event.kind


@given(st.dictionaries(st.text(), values, max_size=4), values, values)
def test_damaged_lines_are_failed_checks(data: dict[str, object], kind: object, time: object) -> None:
    with pytest.raises(CheckError, match="line 7 of the trace"):
        read_line({"seq": 7, "time": time, "kind": kind, "data": data, "digest": ""})


figures = st.floats(0, 1)


@given(st.lists(st.builds(EpochResult, st.integers(1), st.integers(1), *[figures] * 4)), figures, st.text(), st.text())
def test_an_outcome_survives_its_line(curve: list[EpochResult], accuracy: float, failure: str, stopped: str) -> None:
    event = PhaseFinished("c001", TrainedPhase("mini", accuracy, tuple(curve), 1.0, failure, None, "", stopped))
    assert read_line(write_record(event)).event == event


def test_figures_are_kept_as_they_were_written() -> None:
    whole = write_record(FINISHED, hypervolume=0)
    assert json.dumps(read_line(whole).event.to_dict()) == json.dumps(whole["data"])


def test_an_unknown_kind_is_named() -> None:
    record = write_record(STARTED) | {"kind": "teleported"}
    with pytest.raises(CheckError, match=r"line 7 .* known kind; it is 'teleported'; a newer kilosmith wrote it"):
        read_line(record)


@pytest.mark.parametrize("number", [0, FORMAT + 1, "2", None, [], 1.5])
def test_an_unknown_format_is_named_before_anything_else_is_looked_at(number: object) -> None:
    record = write_record(STARTED, format=number, colour="red")
    with pytest.raises(CheckError, match=rf"line 7 .* format from 1 to {FORMAT}; got .*; a newer kilosmith wrote it"):
        read_line(record)


def test_a_start_that_names_no_format_has_the_first_one() -> None:
    record = write_record(STARTED)
    for name_of_later in ("format", "data_remarks"):
        del record["data"][name_of_later]
    started = read_line(record).event
    assert isinstance(started, RunStarted)
    assert (started.format, started.data_remarks) == (1, ())


def test_a_trace_of_both_formats_tells_the_prices_once() -> None:
    prices = [
        made
        for tool in ("estimate_macs", "estimate_peak_sram")
        for made in (ToolCalled(tool, {}), ToolAnswered(tool, "", None, 0.1))
    ]
    old = RunStarted.from_dict(STARTED.to_dict() | {"format": 1})
    screen, screened = NodeStarted("design", "screen"), NodeFinished("design", "screen", {}, 0.1)
    consult, consulted = NodeStarted("design", "consult"), NodeFinished("design", "consult", {}, 0.1)
    events = (old, screen, *prices, JUDGED, screened, STARTED, consult, *prices, JUDGED, consulted)
    steps = read_steps(TraceLine(number, "", event, "", {}) for number, event in enumerate(events, start=1))
    first, second = ([line.event for line in step.told] for step in steps)
    assert first == [screen, JUDGED, screened]
    assert second == [consult, *prices, JUDGED, consulted]  # the designer itself asked for them
