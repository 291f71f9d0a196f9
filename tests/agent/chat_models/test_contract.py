"""What the graph relies on, whichever chat model it uses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from openai_server import OpenAIServer, sampled
from sample_tools import PARENT, SPACE, edit_tool, whole_tool

from agent.chat_models.baselines import SchemaBaseline
from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.registry import open_chat_model
from agent.chat_models.scripted import load_scripted
from nas.errors import SettingError
from nas.space.search_space import Edit

TOOLS = {"propose_architecture": whole_tool(), "edit_architecture": edit_tool()}
MESSAGES = [SystemMessage("You design neural networks in JSON."), HumanMessage("Improve on c0007. " * 12)]


def script(path: Path) -> BaseChatModel:
    """Recorded answers: whole designs at even indices, edits at odd ones."""
    recorder = SchemaBaseline()
    answers = []
    for seed in range(4):
        answer = recorder.bind_tools([list(TOOLS.values())[seed % 2]]).invoke(MESSAGES, seed=seed)
        answers.append({"tool_calls": [{"name": call["name"], "args": call["args"]} for call in answer.tool_calls]})
    path.write_text(json.dumps(answers))
    return load_scripted(path)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(sampled) as running:
        yield running


@pytest.fixture(params=["smollm2", "random", "scripted", "openai"])
def open_model(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BaseChatModel]:
    def open_one() -> BaseChatModel:
        if request.param == "scripted":
            return script(tmp_path / "answers.json")
        if request.param == "random":
            return open_chat_model("random", ChatModelSettings(), cache=tmp_path, report=print).model
        if request.param == "openai":
            settings = ChatModelSettings(url=request.getfixturevalue("server").url)
            return open_chat_model("openai:test", settings, cache=tmp_path, report=print).model
        model: BaseChatModel = request.getfixturevalue("smollm2")
        return model

    return open_one


def ask(model: BaseChatModel, name: str, seed: int, messages: list[Any] = MESSAGES) -> dict[str, Any]:
    """The arguments of the one call of the forced tool; `index` is for the recorded answers."""
    answer = model.bind_tools(list(TOOLS.values()), tool_choice=name).invoke(messages, seed=seed, index=seed)
    assert [call["name"] for call in answer.tool_calls] == [name]
    assert answer.tool_calls[0]["id"]
    return answer.tool_calls[0]["args"]


def test_a_forced_tool_is_called_with_arguments_under_its_schema(open_model: Callable[[], BaseChatModel]) -> None:
    model = open_model()
    assert len(SPACE.parse(ask(model, "propose_architecture", 0)).stages) == SPACE.num_stages
    arguments = ask(model, "edit_architecture", 1)
    assert arguments["candidate_id"] == "c0007"
    edits = [Edit(**edit) for edit in arguments["edits"]]
    assert len({(edit.stage, edit.field) for edit in edits}) == len(edits) in (2, 3)
    assert SPACE.apply(PARENT, edits) != PARENT


def test_the_answer_is_a_function_of_seed_and_messages(open_model: Callable[[], BaseChatModel]) -> None:
    model = open_model()
    first, second = ask(model, "edit_architecture", 1), ask(model, "edit_architecture", 3)
    assert first != second
    assert ask(open_model(), "edit_architecture", 3) == second
    assert ask(model, "edit_architecture", 1) == first


def test_a_model_answers_asynchronously_what_it_answers_synchronously(open_model: Callable[[], BaseChatModel]) -> None:
    bound = open_model().bind_tools([TOOLS["edit_architecture"]], tool_choice="edit_architecture")
    awaited = asyncio.run(bound.ainvoke(MESSAGES, seed=1, index=1))
    assert awaited.tool_calls == bound.invoke(MESSAGES, seed=1, index=1).tool_calls


def test_a_streamed_answer_is_the_whole_one(open_model: Callable[[], BaseChatModel]) -> None:
    bound = open_model().bind_tools([TOOLS["edit_architecture"]], tool_choice="edit_architecture")
    chunks = list(bound.stream(MESSAGES, seed=1, index=1))
    whole: Any = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.tool_calls == bound.invoke(MESSAGES, seed=1, index=1).tool_calls


def test_with_auto_an_answer_is_a_text_or_a_call(open_model: Callable[[], BaseChatModel]) -> None:
    bound = open_model().bind_tools(list(TOOLS.values()), tool_choice="auto")
    answer = bound.invoke([*MESSAGES[:1], HumanMessage("Hello.")], seed=1, index=1, stop=["."])
    assert bool(answer.text) != bool(answer.tool_calls)
    assert {call["name"] for call in answer.tool_calls} <= set(TOOLS)


def test_calls_and_results_may_stand_in_the_history(open_model: Callable[[], BaseChatModel]) -> None:
    call = {"name": "estimate_macs", "args": {"candidate_id": "c0007"}, "id": "call_1"}
    history = [*MESSAGES, AIMessage("", tool_calls=[call]), ToolMessage("84M MACs", tool_call_id="call_1")]
    assert ask(open_model(), "edit_architecture", 1, history)["candidate_id"] == "c0007"


def test_a_tool_that_is_not_bound_cannot_be_forced(open_model: Callable[[], BaseChatModel]) -> None:
    with pytest.raises(SettingError, match="or one of propose_architecture, edit_architecture; got 'x'"):
        open_model().bind_tools(list(TOOLS.values()), tool_choice="x")
