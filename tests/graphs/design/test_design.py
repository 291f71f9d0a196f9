from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.memory import InMemorySaver
from search_examples import BUDGET, make_stages

from agent.chat_models.scripted import ScriptedChatModel
from graphs.design.graph import DesignNodes, build_design_graph
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from graphs.tracing import LiveAnswers
from nas.errors import ChatModelError, NoLegalCandidateError
from nas.events import Event
from nas.records.run_events import LlmFailed, LlmRequested, NodeFinished, ToolCalled
from nas.workspace.workspace import Workspace

Open = Callable[..., Workspace]
CONFIG: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": 200}


def propose(**first: object) -> dict[str, Any]:
    return {"tool_calls": [{"name": "propose_architecture", "args": {"stages": make_stages(first)}}]}


def edit(candidate: str, *edits: tuple[int, str, Any]) -> dict[str, Any]:
    made = [{"stage": stage, "field": field, "value": value} for stage, field, value in edits]
    return {"tool_calls": [{"name": "edit_architecture", "args": {"candidate_id": candidate, "edits": made}}]}


def build(workspace: Workspace, answers: list[Any], events: list[Event], **settings: Any) -> Any:
    chat_model: BaseChatModel = ScriptedChatModel(answers=answers, model_name="scripted")
    nodes = DesignNodes(
        Designer(LiveAnswers(chat_model)), workspace, DesignSettings(**settings), "digits", events.append
    )
    return build_design_graph(nodes, InMemorySaver())


def test_the_loop_designs_trains_edits_and_selects(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    answers = [propose(), edit("c001", (1, "kernel_size", 5), (2, "activation", "swish"))]
    state = build(workspace, answers, events, max_trials=2).invoke(start_state(), CONFIG)
    assert [trial.state for trial in workspace.trials] == ["trained", "trained"]
    assert workspace.trials[1].parent == "c001"
    assert state["winners"] == [workspace.front[0].id]
    assert state["num_trained"] == 2


def test_everything_is_traced_in_order(open_workspace: Open, events: list[Event]) -> None:
    build(open_workspace(), [propose()], events, max_trials=1).invoke(start_state(), CONFIG)
    kinds = [event.kind for event in events if not event.transient]
    calls = [event.tool for event in events if isinstance(event, ToolCalled)]
    nodes = [event.node for event in events if isinstance(event, NodeFinished)]
    assert kinds.index("llm_requested") < kinds.index("llm_answered") < kinds.index("tool_called")
    assert calls == ["propose_architecture", "mini_train", "pareto_status"]
    assert nodes == ["examine", "propose", "screen", "evaluate", "reflect", "select"]


def test_a_rejected_candidate_goes_back_with_its_cause(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_max": 200_000}))
    build(workspace, [propose(out_channels=128), propose()], events, max_trials=1).invoke(start_state(), CONFIG)
    prompts = [event.messages[-1]["content"] for event in events if isinstance(event, LlmRequested)]
    assert "Rejected" not in prompts[0]
    assert "Rejected c001 (rejected)" in prompts[1]
    assert "MACs" in prompts[1].split("Rejected c001")[1]
    assert [trial.state for trial in workspace.trials] == ["rejected", "trained"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"content": "I would rather write a poem."}, "held no call"),
        ({"content": ""}, "held no call"),
        ({"tool_calls": [{"name": "rm", "args": {}}]}, "called rm instead"),
        ({"tool_calls": [{"name": "propose_architecture", "args": {}}]}, "wrong arguments"),
        ({"tool_calls": [{"name": "propose_architecture", "args": {"stages": "all"}}]}, "wrong arguments"),
        ({"tool_calls": [{"name": "propose_architecture", "args": {"stages": []}}]}, "exactly 3 entries"),
        (propose(kernel_size=float("nan")), "held no call"),
        (propose(kernel_size=2**70), "held no call"),
        (propose(kernel_size="\ud800"), "held no call"),
        (propose(kernel_size=4), "kernel_size must be one of 3, 5, 7"),
        (propose(kernel_size="\x1b[2Jevil"), "kernel_size must be one of 3, 5, 7"),
    ],
)
def test_a_bad_answer_is_feedback_never_a_crash(
    open_workspace: Open, events: list[Event], answer: dict[str, Any], reason: str
) -> None:
    workspace = open_workspace()
    build(workspace, [answer, propose()], events, max_trials=1).invoke(start_state(), CONFIG)
    assert [trial.state for trial in workspace.trials] == ["invalid", "trained"]
    assert reason in workspace.trials[0].reason


def test_a_repeated_design_is_rejected_as_a_duplicate(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    graph = build(workspace, [propose(), propose(expansion=6), propose(skip=True)], events, num_whole=9, max_trials=2)
    graph.invoke(start_state(), CONFIG)
    assert [trial.state for trial in workspace.trials] == ["trained", "duplicate", "trained"]


def test_a_search_without_a_legal_candidate_says_so(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_max": 50_500}))
    graph = build(workspace, [propose(), propose(kernel_size=5)], events, max_proposals=2)
    with pytest.raises(NoLegalCandidateError, match="of 2 proposals none was legal"):
        graph.invoke(start_state(), CONFIG)


def test_a_failing_chat_model_stops_the_loop_where_it_can_go_on(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    graph = build(workspace, [propose(), {"error": "server gone"}], events, max_trials=2)
    with pytest.raises(ChatModelError, match="server gone"):
        graph.invoke(start_state(), CONFIG)
    assert graph.get_state(CONFIG).next == ("propose",)
    assert isinstance(events[-1], LlmFailed)


def test_state_and_checkpoints_hold_plain_values_only(
    open_workspace: Open, events: list[Event], tmp_path: Path
) -> None:
    import json

    state = build(open_workspace(), [propose()], events, max_trials=1).invoke(start_state(), CONFIG)
    assert json.loads(json.dumps(state)) == state
    for event in events:
        json.dumps(event.to_dict())
