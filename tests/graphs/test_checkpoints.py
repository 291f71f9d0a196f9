"""Checkpoints in SQLite: the latest few are kept, a run resumes from them, and the file stops growing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from graphs.checkpoints import NUM_KEPT, PrunedSqliteSaver


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
