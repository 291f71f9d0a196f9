"""The graphs of langgraph.json, loaded, drawn and executed the way LangGraph's server does it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import kilosmith
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel
from langgraph.types import Command

from nas.errors import NoLegalCandidateError, SettingError
from nas.records.run_store import RunStore

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
THREAD: dict[str, Any] = {"configurable": {"thread_id": "thread"}}
SMALL = ["llm.spec=mutate", "data.train_limit=128", "design.max_trials=2", "training.mini.epochs=2"]


def load_factory(name: str) -> Callable[[dict[str, Any]], Any]:
    """The factory from its file, as a module named after the path."""
    path, variable = CONFIG["graphs"][name].split(":")
    module_name = path.lstrip("./").removesuffix(".py").replace("/", "__")
    spec = importlib.util.spec_from_file_location(module_name, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    factory: Callable[[dict[str, Any]], Any] = getattr(module, variable)
    return factory


@contextmanager
def built(name: str, checkpointer: InMemorySaver | None = None) -> Iterator[Pregel[Any, Any, Any, Any]]:
    """The graph, built anew for one execution, with the server's own checkpoints."""
    made = load_factory(name)({})
    if isinstance(made, AbstractContextManager):
        with made as graph:
            yield graph.copy(update={"checkpointer": checkpointer})
    else:
        yield made.copy(update={"checkpointer": checkpointer})


@pytest.mark.parametrize(
    ("name", "asked", "answered", "nodes"),
    [
        ("run", {"preset", "settings", "name", "runs"}, {"folder", "approved", "outcomes", "hypervolume"}, "evaluate"),
        ("ask", {"question", "run", "runs"}, {"answer", "is_declined"}, "interpret"),
    ],
)
def test_drawing_a_graph_touches_nothing(
    name: str, asked: set[str], answered: set[str], nodes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with built(name) as graph:
        assert isinstance(graph, Pregel)
        assert set(graph.get_input_jsonschema()["properties"]) == asked
        assert set(graph.get_output_jsonschema()["properties"]) == answered
        assert {"begin", nodes, "end"} <= set(graph.get_graph(xray=True).nodes)
    assert list(tmp_path.iterdir()) == []


def test_a_run_waits_for_a_person_and_goes_on_in_another_execution(tmp_path: Path) -> None:
    checkpoints = InMemorySaver()
    request = {"settings": [*SMALL, "approve=ask"], "name": "served", "runs": str(tmp_path)}
    with built("run", checkpoints) as graph:
        waiting = graph.invoke(request, THREAD)
    assert set(waiting["__interrupt__"][0].value["winners"]) <= set(waiting["__interrupt__"][0].value["trained"])
    with built("run", checkpoints) as graph:
        ended = graph.invoke(Command(resume=[]), THREAD)
    assert ended["folder"] == str(tmp_path / "served")
    assert ended["approved"] == []
    assert 0 < ended["hypervolume"] < 1
    store = RunStore(tmp_path / "served")
    assert sum(trial.state == "trained" for trial in store.load_trials()) == 2
    kinds = [line.event.kind for line in store.load_trace()]
    assert kinds.count("run_started") == 2
    assert kinds[-1] == "run_finished"
    assert (store.folder / "report.html").is_file()
    assert "approved  nothing" in (store.folder / "transcript.txt").read_text(encoding="utf-8")
    refused = kilosmith("resume", "served", "--runs", str(tmp_path), cwd=tmp_path)
    assert refused.returncode == 2
    assert "go on with its thread there" in refused.stderr
    verified = kilosmith("replay", "served", "--verify", "--runs", str(tmp_path), cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr


def test_a_run_that_fails_is_released(tmp_path: Path) -> None:
    none_fits = ["llm.spec=random", "budget.peak_sram_bytes=1000", "design.max_proposals=2", "data.train_limit=128"]
    with built("run", InMemorySaver()) as graph, pytest.raises(NoLegalCandidateError):
        graph.invoke({"settings": none_fits, "name": "none", "runs": str(tmp_path)}, THREAD)
    with RunStore(tmp_path / "none") as store:
        store.lock()  # no other process holds it
        assert (store.folder / "report.html").is_file()
    with built("run", InMemorySaver()) as graph, pytest.raises(SettingError, match="a run id must be new"):
        graph.invoke({"settings": none_fits, "name": "none", "runs": str(tmp_path)}, THREAD)


def test_a_question_is_answered_and_kept(example_copy: RunStore) -> None:
    request = {
        "question": "why was c002 rejected?",
        "run": example_copy.run_id,
        "runs": str(example_copy.folder.parent),
    }
    with built("ask", InMemorySaver()) as graph:
        answered = graph.invoke(request, THREAD)
    assert "Peak SRAM is 79.4 KiB" in answered["answer"]
    assert not answered["is_declined"]
    assert example_copy.load_conversation()[-1]["answer"] == answered["answer"]


def test_a_training_that_a_question_asks_for_waits_for_a_person(example_copy: RunStore) -> None:
    checkpoints = InMemorySaver()
    request = {"question": "train c001 with kernel 5 in stage 2", "run": str(example_copy.folder)}
    with built("ask", checkpoints) as graph:
        waiting = graph.invoke(request, THREAD)
    assert waiting["__interrupt__"][0].value["candidate"] == "c001"
    with built("ask", checkpoints) as graph:
        answered = graph.invoke(Command(resume=False), THREAD)
    assert answered["answer"]
    assert example_copy.load_what_ifs() == []


def test_the_server_reads_plain_checkpoints_only() -> None:
    settings = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))
    assert settings["env"]["LANGGRAPH_STRICT_MSGPACK"] == "true"  # before LangGraph is imported, which reads it once
    assert settings["checkpointer"]["serde"] == {"allowed_json_modules": [], "pickle_fallback": False}
