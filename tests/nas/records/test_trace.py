"""The trace as a chain of digests and as a sequence of steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from event_examples import STARTED

from nas.errors import CheckError
from nas.events import Event
from nas.records.run_events import NodeFinished, NodeStarted, RecordsMended
from nas.records.run_store import RunStore
from nas.records.trace import GENESIS, chain_digest, read_steps
from nas.records.trace_line import TraceLine

Lines = list[bytes]


def write_run(root: Path, num_lines: int = 6) -> RunStore:
    with RunStore.create(root, "one", {"config": {}}) as store:
        for number in range(num_lines // 2):
            store.append_event(NodeStarted("design", f"n{number}"), "t")
            store.append_event(NodeFinished("design", f"n{number}", {}, 0.5), "t")
    return store


def alter(lines: Lines) -> Lines:
    return [*lines[:3], lines[3].replace(b'"n1"', b'"n7"'), *lines[4:]]


def swap(lines: Lines) -> Lines:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def remove(lines: Lines) -> Lines:
    return lines[:3] + lines[4:]


def insert(lines: Lines) -> Lines:
    return [*lines[:3], lines[3], *lines[3:]]


@pytest.mark.parametrize("tamper", [alter, swap, remove, insert])
def test_what_was_altered_moved_removed_or_added_is_named_with_its_step(
    tmp_path: Path, tamper: Callable[[Lines], Lines]
) -> None:
    store = write_run(tmp_path)
    path = store.folder / "trace.jsonl"
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(CheckError, match=r"line [345], in or after step [12] \(design\.n[01]\)"):
        list(store.load_trace())


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_trace_cut_off_at_a_line_end_is_truncated(tmp_path: Path, kept: int) -> None:
    store = write_run(tmp_path)
    path = store.folder / "trace.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:kept]))
    with pytest.raises(CheckError, match=f"it has {kept} lines .*truncated"):
        list(store.load_trace())


def test_a_forged_chain_does_not_end_as_its_seal_says(tmp_path: Path) -> None:
    store = write_run(tmp_path)
    path = store.folder / "trace.jsonl"
    digest, forged = GENESIS, []
    for line in alter(path.read_bytes().splitlines(keepends=True)):
        record = json.loads(line)
        digest = chain_digest(digest, record)
        forged.append(json.dumps(record | {"digest": digest}) + "\n")
    path.write_text("".join(forged))
    with pytest.raises(CheckError, match=r"must end as trace\.seal says; line 6, step 3"):
        list(store.load_trace())


@pytest.mark.parametrize("seal", [b"", b"x y\n", b"           6 00\n", b"\xff\xfe"])
def test_an_altered_seal_is_named(tmp_path: Path, seal: bytes) -> None:
    store = write_run(tmp_path)
    (store.folder / "trace.seal").write_bytes(seal)
    with pytest.raises(CheckError, match=r"trace\.seal must hold"):
        list(store.load_trace())


def test_a_missing_seal_is_named(tmp_path: Path) -> None:
    store = write_run(tmp_path)
    (store.folder / "trace.seal").unlink()
    with pytest.raises(CheckError, match=r"a trace\.seal beside it"):
        list(store.load_trace())


def test_a_seal_that_lags_behind_after_a_crash_is_not_damage(tmp_path: Path) -> None:
    store = write_run(tmp_path)
    seal = store.folder / "trace.seal"
    old = seal.read_bytes()
    with store:
        store.lock()
        store.append_event(RecordsMended(()), "t")
    seal.write_bytes(old)
    assert len(list(store.load_trace())) == 7


def test_a_torn_last_line_is_mended_and_named_when_the_run_is_taken_up_again(tmp_path: Path) -> None:
    store = write_run(tmp_path)
    with (store.folder / "trace.jsonl").open("ab") as stream:
        stream.write(b'{"seq": 7, "ki')
    with store:
        assert store.lock() == ("trace.jsonl",)
        store.append_event(RecordsMended(()), "t")
    assert [line.seq for line in store.load_trace()] == list(range(1, 8))


def write(*events: Event) -> list[TraceLine]:
    return [TraceLine(number, "", event, "", {}) for number, event in enumerate(events, start=1)]


def execute(node: str) -> tuple[Event, Event]:
    return NodeStarted("design", node), NodeFinished("design", node, {}, 1.0)


def test_an_interrupted_node_keeps_its_number_and_counts_its_attempts() -> None:
    cut_short = NodeStarted("design", "screen")
    steps = read_steps(write(STARTED, *execute("propose"), cut_short, STARTED, *execute("screen")))
    assert [(step.number, step.node, step.num_attempts) for step in steps] == [(1, "propose", 1), (2, "screen", 2)]


def test_a_node_whose_checkpoint_was_lost_runs_again_under_its_number() -> None:
    lines = write(STARTED, *execute("propose"), STARTED, *execute("propose"), *execute("screen"))
    assert [(step.number, step.node, step.num_attempts) for step in read_steps(lines)] == [
        (1, "propose", 2),
        (2, "screen", 1),
    ]
