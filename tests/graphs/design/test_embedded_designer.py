"""The graph with the embedded language model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.registry import OpenedChatModel, open_chat_model
from agent.running.paths import cache_folder
from graphs.design.examination import count_right_answers
from graphs.design.graph import DesignNodes, build_design_graph, count_steps
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from graphs.tracing import LiveAnswers
from nas.events import Event
from nas.records.run_events import LlmRequested
from nas.workspace.workspace import Workspace

Open = Callable[..., Workspace]


@pytest.fixture(scope="module")
def smollm2() -> OpenedChatModel:
    return open_chat_model("smollm2", ChatModelSettings(), cache=cache_folder(), report=print)


@pytest.fixture
def terse(smollm2: OpenedChatModel) -> OpenedChatModel:
    """The same model, with its answers cut short where it rambles."""
    model = smollm2.model.model_copy(update={"settings": ChatModelSettings(max_tokens=60)})
    return replace(smollm2, model=model)


def run(opened: OpenedChatModel, workspace: Workspace, events: list[Event], **settings: Any) -> None:
    chosen = DesignSettings(**settings)
    designer = Designer(LiveAnswers(opened.model), takes_masks=opened.takes_masks, context_tokens=opened.context_tokens)
    graph = build_design_graph(DesignNodes(designer, workspace, chosen, "digits", events.append), InMemorySaver())
    config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": count_steps(chosen)}
    graph.invoke(start_state(), config)


def test_it_fails_the_check_which_is_why_it_is_not_asked(
    terse: OpenedChatModel, open_workspace: Open, events: list[Event]
) -> None:
    assert terse.drive == "guided"
    assert count_right_answers(Designer(LiveAnswers(terse.model)), open_workspace(), events.append) < 4


def test_guided_and_masked_it_makes_legal_and_new_designs_only(
    smollm2: OpenedChatModel, open_workspace: Open, events: list[Event]
) -> None:
    workspace = open_workspace()
    run(smollm2, workspace, events, max_trials=7, whole_every=3)
    assert [trial.state for trial in workspace.trials] == ["trained"] * 7
    assert [trial.parent is None for trial in workspace.trials] == [True, False, True, False, False, True, False]
    assert len(workspace.index.niche_counts) >= 3


def test_autonomous_it_breaks_nothing(terse: OpenedChatModel, open_workspace: Open, events: list[Event]) -> None:
    from nas.errors import NoLegalCandidateError

    workspace = open_workspace()
    try:
        run(terse, workspace, events, drive="autonomous", max_proposals=1, max_answers=2)
    except NoLegalCandidateError:
        assert workspace.trials[0].reason == "no proposal in 2 answers"
    assert len(workspace.trials) == 1
    assert [event.tool_choice for event in events if isinstance(event, LlmRequested)] == ["auto"] * 2
