"""Checkpoints in SQLite: the latest few are kept, a run resumes from them, and the file stops growing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, interrupt

from graphs.checkpoints import NUM_KEPT, PlainSerializer, PrunedSqliteSaver
from nas.errors import CheckError


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[PrunedSqliteSaver]:
    connection = sqlite3.connect(tmp_path / "checkpoints.sqlite", check_same_thread=False)
    yield PrunedSqliteSaver(connection)
    connection.close()


def count_to(limit: int, saver: PrunedSqliteSaver, act: Callable[[int], object] = int) -> Any:
    def step(state: dict[str, Any]) -> dict[str, Any]:
        act(state["count"])
        return {"count": state["count"] + 1}

    graph: Any = StateGraph(dict)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: END if state["count"] >= limit else "step")
    return graph.compile(checkpointer=saver)


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}, "recursion_limit": 1000}


def test_only_the_latest_checkpoints_of_each_thread_are_kept(saver: PrunedSqliteSaver) -> None:
    graph = count_to(20, saver)
    for thread in ("design", "delivery"):
        graph.invoke({"count": 0}, config(thread), durability="sync")
        kept = list(saver.list(config(thread)))
        assert len(kept) == NUM_KEPT
        assert graph.get_state(config(thread)).values["count"] == 20
    with saver.cursor(transaction=False) as cursor:
        known = {row[0] for row in cursor.execute("SELECT DISTINCT checkpoint_id FROM checkpoints")}
        assert {row[0] for row in cursor.execute("SELECT DISTINCT checkpoint_id FROM writes")} <= known


def test_the_file_stops_growing(saver: PrunedSqliteSaver) -> None:
    def count_pages(limit: int) -> int:
        state = {"count": 0, "ballast": "x" * 5000}
        count_to(limit, saver).invoke(state, config(str(limit)), durability="sync")
        with saver.cursor(transaction=False) as cursor:
            return int(cursor.execute("PRAGMA page_count").fetchone()[0])

    assert count_pages(200) < 2 * count_pages(20)


def test_a_step_that_failed_is_taken_up_again(saver: PrunedSqliteSaver) -> None:
    def fail(count: int) -> None:
        if count == 12:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        count_to(20, saver, fail).invoke({"count": 0}, config("one"), durability="sync")
    seen: list[int] = []
    state = count_to(20, saver, seen.append).invoke(None, config("one"), durability="sync")
    assert state["count"] == 20
    assert seen == list(range(12, 20))


def test_a_question_still_waits_after_pruning(saver: PrunedSqliteSaver) -> None:
    def ask(count: int) -> object:
        return interrupt("go on?") if count == 8 else None

    graph = count_to(10, saver, ask)
    state = graph.invoke({"count": 0}, config("one"), durability="sync")
    assert state["__interrupt__"][0].value == "go on?"
    assert graph.invoke(Command(resume=True), config("one"), durability="sync")["count"] == 10


OBJECTS = {
    "one argument": (0, ("os", "system", "touch executed")),
    "arguments": (1, ("os", "system", ("touch executed",))),
    "named arguments": (2, ("subprocess", "run", {"args": ["touch", "executed"]})),
    "a method": (3, ("pathlib", "Path", "executed", "touch")),
    "pydantic 1": (4, ("os", "system", {"command": "touch executed"})),
    "pydantic 2": (5, ("os", "system", {"command": "touch executed"}, "model_validate_json")),
    "an array": (6, ("<f4", (1,), "C", b"\0\0\0\0")),
    "a snapshot": (7, ("x",)),
    "an expression": (1, ("re", "compile", ("(a+)+$", 0))),
    "a path": (1, ("pathlib", "Path", ("executed",))),
    "an interrupt with more": (2, ("langgraph.types", "Interrupt", {"value": 1})),
}


def pack(code: int, content: object) -> bytes:
    return bytes(ormsgpack.packb({"state": ormsgpack.Ext(code, ormsgpack.packb(content))}))


@pytest.mark.parametrize(("code", "content"), OBJECTS.values(), ids=OBJECTS)
def test_no_object_is_built_from_a_checkpoint(
    code: int, content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckError, match=r"checkpoints\.sqlite must hold plain values"):
        PlainSerializer().loads_typed(("msgpack", pack(code, content)))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("kind", ["json", "pickle", "bytes", "bytearray", "unheard of"])
def test_no_other_kind_of_bytes_is_read(kind: str) -> None:
    with pytest.raises(CheckError, match=kind):
        PlainSerializer().loads_typed((kind, b"{}"))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_plain_value_or_a_check_error(content: bytes) -> None:
    with contextlib.suppress(CheckError):
        PlainSerializer().loads_typed(("msgpack", content))


def test_what_langgraph_writes_comes_back() -> None:
    serializer, question = PlainSerializer(), Interrupt(value={"winners": ["c001"]}, id="0123")
    state = {"number": 3, "share": 0.5, "names": ["a"], "none": None, "yes": True, "__interrupt__": [question]}
    assert serializer.loads_typed(serializer.dumps_typed(state)) == state
    assert serializer.loads_typed(serializer.dumps_typed(None)) is None


def test_a_row_that_names_a_command_does_not_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "checkpoints.sqlite", check_same_thread=False)) as connection:
        count_to(3, PrunedSqliteSaver(connection)).invoke({"count": 0}, config("design"), durability="sync")
        connection.execute("UPDATE checkpoints SET checkpoint = ?", (pack(*OBJECTS["one argument"]),))
        connection.commit()
        with pytest.raises(CheckError, match="plain values"):
            count_to(3, PrunedSqliteSaver(connection)).get_state(config("design"))
    assert not (tmp_path / "executed").exists()
