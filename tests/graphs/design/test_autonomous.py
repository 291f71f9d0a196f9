"""The same graph with a designer that chooses its tools: every call is answered and traced."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from search_examples import BUDGET, make_stages

from agent.chat_models.scripted import ScriptedChatModel
from graphs.design.consultation import is_round_over
from graphs.design.examination import QUESTIONS
from graphs.design.graph import DesignNodes, build_design_graph, count_steps
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from graphs.tracing import LiveAnswers
from nas.errors import ConversationTooLongError
from nas.events import Event
from nas.records.run_events import (
    DriveChosen,
    LlmAnswered,
    LlmFailed,
    LlmRequested,
    NodeFinished,
    NodeStarted,
    ToolCalled,
)
from nas.workspace.workspace import Workspace

Open = Callable[..., Workspace]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "args": arguments}


def propose(**first: object) -> dict[str, Any]:
    return call("propose_architecture", stages=make_stages(first))


def train(number: int) -> dict[str, Any]:
    return call("mini_train", candidate_id=f"c{number:03d}")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def says(*calls: dict[str, Any], content: str = "") -> dict[str, Any]:
    return {"tool_calls": list(calls), "content": content}


def run(workspace: Workspace, answers: list[Any], events: list[Event], **settings: Any) -> dict[str, Any]:
    chosen = DesignSettings(**({"drive": "autonomous"} | settings))
    designer = Designer(LiveAnswers(ScriptedChatModel(answers=answers)), is_checked=True)
    graph = build_design_graph(DesignNodes(designer, workspace, chosen, "digits", events.append), InMemorySaver())
    config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": count_steps(chosen)}
    return dict(graph.invoke(start_state(), config))


def told(events: list[Event]) -> list[str]:
    """The tools' answers as the designer read them: the messages of the requests."""
    requests = [event.messages for event in events if isinstance(event, LlmRequested)]
    return [message["content"] for messages in requests for message in messages if message["role"] == "tool"]


def states(workspace: Workspace) -> list[str]:
    return [trial.state for trial in workspace.trials]


def test_it_proposes_asks_revises_and_has_a_candidate_trained(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace(BUDGET.model_copy(update={"macs_max": 200_000}))
    answers = [
        says(propose(out_channels=128)),  # too large: said at once
        says(propose()),
        says(call("estimate_macs", candidate_id="c002"), call("pareto_status")),
        says(train(2)),
    ]
    state = run(workspace, answers, events, max_trials=1)
    assert states(workspace) == ["rejected", "trained"]
    assert state["winners"] == ["c002"]
    answered = told(events)
    assert "above the limit" in answered[0]
    assert "Cheapest edits" in answered[0]
    assert answered[1].startswith("c002 is legal:")
    assert "M MACs" in answered[2]
    assert "front is empty" in answered[3]
    nodes = [event.node for event in events if isinstance(event, NodeFinished)]
    assert nodes == ["examine", *["propose", "consult"] * 4, "screen", "evaluate", "reflect", "select"]


def test_parallel_calls_are_all_answered_in_order(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    answers = [says(propose(), propose(kernel_size=5), propose(kernel_size=5)), says(train(2), train(1), train(2))]
    run(workspace, answers, events, max_trials=2)
    assert states(workspace) == ["trained", "trained", "duplicate"]
    assert [text[:4] for text in told(events)[:3]] == ["c001", "c002", "c003"]


def test_no_more_candidates_are_trained_than_trials_are_left(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    run(workspace, [says(propose(), propose(kernel_size=5)), says(train(1), train(2))], events, max_trials=1)
    assert states(workspace) == ["untrained", "trained"] or states(workspace) == ["trained", "untrained"]
    assert workspace.index.num_trained == 1


@pytest.mark.parametrize(
    ("bad", "reply"),
    [
        (says(call("rm", path="/")), "there is no tool 'rm'; call one of propose_architecture"),
        (says(call("[bold]rm \x1b[2J", path="/")), "there is no tool '[bold]rm \\x1b[2J'"),
        (says(call("explain", candidate_id=nested(15))), "wrong arguments"),
        (says(call("explain", candidate_id=nested(20))), None),
        (says(call("explain", candidate_id=nested(300))), None),
        (says(call("explain", candidate_id=nested(900))), None),
        (says(call("estimate_macs")), "error: wrong arguments: candidate_id"),
        (says(call("estimate_macs", candidate_id="c404")), "must name a known candidate"),
        (says(call("mini_train", candidate_id=["c001"])), "wrong arguments"),
        (says(call("mini_train", candidate_id="c404")), "must name a known candidate"),
        (says(call("edit_architecture", candidate_id="c404", edits=[])), "c001 is no candidate (invalid)"),
        (says(call("propose_architecture", stages="all")), "c001 is no candidate (invalid): error: wrong arguments"),
        (says(propose(kernel_size=4)), "kernel_size must be one of 3, 5, 7"),
        (says(propose(kernel_size="\x1b[2Jevil")), "kernel_size must be one of 3, 5, 7"),
        (says(call("explain", candidate_id="x" * 5000)), None),
        (says(propose(kernel_size=float("nan"))), None),
        (says(content="I cannot help with that."), None),
        (says(content=""), None),
    ],
)
def test_a_bad_answer_is_answered_and_the_search_goes_on(
    open_workspace: Open, events: list[Event], bad: dict[str, Any], reply: str | None
) -> None:
    workspace = open_workspace()
    number = 2 if reply and ("c001" in reply or "kernel_size" in reply) else 1
    run(workspace, [bad, says(propose()), says(train(number))], events, max_trials=1)
    assert states(workspace)[-1] == "trained"
    requests = [event.messages for event in events if isinstance(event, LlmRequested)]
    last = requests[1][-1]
    json.dumps([event.to_dict() for event in events])
    if reply is None:
        assert last["role"] == "human"
        assert ("could not be read" if bad["tool_calls"] else "held no tool call") in last["content"]
    else:
        assert reply in last["content"]
    answered = next(event for event in events if isinstance(event, LlmAnswered))
    assert answered.tool_calls or answered.invalid_tool_calls or not bad["tool_calls"]


def test_a_designer_that_never_calls_a_tool_ends_the_search_by_its_proposals(
    open_workspace: Open, events: list[Event]
) -> None:
    from nas.errors import NoLegalCandidateError

    workspace = open_workspace()
    with pytest.raises(NoLegalCandidateError, match="of 2 proposals none was legal"):
        run(workspace, [says(content="no")] * 20, events, max_proposals=2)
    assert states(workspace) == ["invalid", "invalid"]
    assert workspace.trials[0].reason == "no proposal in 3 answers"


@pytest.mark.parametrize("limits", [{"max_answers": 2}, {"max_seconds": 1e-9}])
def test_when_a_round_is_over_the_latest_legal_candidate_is_trained(
    open_workspace: Open, events: list[Event], limits: dict[str, Any]
) -> None:
    workspace = open_workspace()
    answers = [says(propose(), propose(kernel_size=5)), says(call("pareto_status"))] * 2
    run(workspace, answers, events, max_trials=1, **limits)
    assert states(workspace) == ["untrained", "trained"]


def test_without_proposals_left_it_can_only_train_what_it_has(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    run(workspace, [says(propose()), says(propose(kernel_size=5)), says(train(1))], events, max_proposals=1)
    assert states(workspace) == ["trained"]
    assert "no proposals are left" in told(events)[1]


def test_each_message_stands_once_in_the_trace(open_workspace: Open, events: list[Event]) -> None:
    run(open_workspace(), [says(content="hm"), says(propose()), says(train(1))], events, max_trials=1)
    requests = [event for event in events if isinstance(event, LlmRequested)]
    assert [request.num_told for request in requests] == [0, 3, 5]
    assert [[message["role"] for message in request.messages] for request in requests] == [
        ["system", "human"],
        ["human"],
        ["tool"],
    ]
    assert requests[0].tool_choice == "auto"


def test_an_interrupted_round_goes_on_where_it_was(open_workspace: Open, events: list[Event]) -> None:
    from nas.errors import ChatModelError

    workspace, saver = open_workspace(), InMemorySaver()
    settings = DesignSettings(drive="autonomous", max_trials=1)
    config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": 100}

    def build(answers: list[Any], space: Workspace) -> Any:
        nodes = DesignNodes(
            Designer(LiveAnswers(ScriptedChatModel(answers=answers))), space, settings, "digits", events.append
        )
        return build_design_graph(nodes, saver)

    with pytest.raises(ChatModelError):
        build([says(propose()), {"error": "server gone"}], workspace).invoke(start_state(), config)
    again = open_workspace()  # a waiting legal candidate is in the checkpoint, not in the records
    assert states(again) == []
    build([says(propose()), says(train(1))], again).invoke(None, config)
    assert states(again) == ["trained"]


BACKWARDS = says(call("edit_architecture", candidate_id="c003", edits=QUESTIONS[3].arguments["edits"][::-1]))
RIGHT = [says(call(question.tool, **question.arguments)) for question in QUESTIONS]


@pytest.mark.parametrize(
    ("answers", "drive", "num_right"),
    [
        (RIGHT, "autonomous", 4),
        ([*RIGHT[:3], BACKWARDS], "autonomous", 4),
        ([RIGHT[0], says(content="c012")], "guided", 1),
        ([says(call("estimate_macs", candidate_id="c070"))], "guided", 0),
        ([says(RIGHT[0]["tool_calls"][0], RIGHT[0]["tool_calls"][0])], "guided", 0),
        ([says(call("mini_train", candidate_id="c007"))], "guided", 0),
    ],
)
def test_only_a_model_without_a_mistake_chooses_its_tools(
    open_workspace: Open, events: list[Event], answers: list[Any], drive: str, num_right: int
) -> None:
    designer = Designer(LiveAnswers(ScriptedChatModel(answers=answers)), is_checked=True)
    nodes = DesignNodes(designer, open_workspace(), DesignSettings(), "digits", events.append)
    assert nodes.examine(start_state()) == {"drive": drive}
    assert events[-1] == DriveChosen(drive, "check", num_right, 4)


def test_baselines_and_scripts_are_guided_without_questions(open_workspace: Open, events: list[Event]) -> None:
    nodes = DesignNodes(
        Designer(LiveAnswers(ScriptedChatModel(answers=[]))),
        open_workspace(),
        DesignSettings(),
        "digits",
        events.append,
    )
    assert nodes.examine(start_state()) == {"drive": "guided"}


def test_a_flood_of_calls_is_cut_and_ends_the_round(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    flood = says(*[propose(out_channels=width) for width in (16, 24, 32, 48, 64, 96)], *[call("pareto_status")] * 500)
    run(workspace, [flood], events, max_trials=1, max_calls=20)
    assert states(workspace) == ["untrained"] * 3 + ["trained"]  # four proposals at a time: the others are turned down
    answered = next(event for event in events if isinstance(event, LlmAnswered))
    assert len(answered.tool_calls) == 32
    assert answered.num_calls_left_out == 474


def test_a_conversation_ends_before_it_outgrows_the_model(open_workspace: Open) -> None:
    settings, state = DesignSettings(), start_state()
    state["effort"]["length"] = 7500
    assert is_round_over(state, settings, 8192)
    assert not is_round_over(state, settings, 32_768)
    assert not is_round_over(state, settings)
    state["effort"]["length"] = 6000
    state["dialogue"] = [{"role": "tool", "content": "x" * 6000}]  # answers it has not read yet
    assert is_round_over(state, settings, 8192)
    assert not is_round_over(state, settings, 16_384)


@pytest.mark.parametrize("extra", [{"epochs": 30}, {"candidate_id": "c001", "x": None}])
def test_only_evaluate_trains_whatever_stands_beside_the_candidate(
    open_workspace: Open, events: list[Event], extra: dict[str, Any]
) -> None:
    workspace = open_workspace()
    propose_two = says(propose(), propose(kernel_size=5))
    both = says(*[call("mini_train", **({"candidate_id": f"c{number:03d}"} | extra)) for number in (1, 2)])
    run(workspace, [propose_two, both], events, max_trials=1)
    assert workspace.index.num_trained == 1
    started = [event for event in events if isinstance(event, NodeStarted | ToolCalled)]
    order = [event.node if isinstance(event, NodeStarted) else event.tool for event in started]
    assert order.count("evaluate") == order.count("mini_train") == 1
    assert order.index("evaluate") < order.index("mini_train")


def test_a_value_spelled_otherwise_is_the_same_network(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    same = [{"stage": stage, "field": "se_ratio", "value": value} for stage, value in ((1, 0.0), (2, -0.0))]
    answers = [says(propose()), says(call("edit_architecture", candidate_id="c001", edits=same)), says(train(1))]
    run(workspace, answers, events, max_trials=1)
    assert states(workspace) == ["trained", "duplicate"]


def test_a_long_list_of_faults_is_shortened(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    bad = says(
        call("propose_architecture", stages=[{}] * 900), call("edit_architecture", candidate_id="c1", edits=[{}] * 900)
    )
    state = run(workspace, [bad, says(propose()), says(train(3))], events, max_trials=1)
    assert all(len(trial.reason) < 1_500 for trial in workspace.trials)
    assert len(json.dumps(state)) < 6_000


def test_a_network_left_untrained_can_be_proposed_and_trained_later(open_workspace: Open, events: list[Event]) -> None:
    workspace = open_workspace()
    answers = [says(propose(), propose(kernel_size=5)), says(train(2)), says(propose()), says(train(3))]
    run(workspace, answers, events, max_trials=2)
    assert [(trial.id, trial.state) for trial in sorted(workspace.trials, key=lambda trial: trial.number)] == [
        ("c001", "untrained"),
        ("c002", "trained"),
        ("c003", "trained"),
    ]


class Forgetful(ScriptedChatModel):
    """A chat model that refuses any conversation of more than three messages."""

    def _generate(self, messages: Any, *arguments: Any, **kwargs: Any) -> Any:
        if len(messages) > 3:
            raise ConversationTooLongError("the conversation must fit the context")
        return super()._generate(messages, *arguments, **kwargs)


def test_a_conversation_the_model_cannot_read_ends_the_round_not_the_run(
    open_workspace: Open, events: list[Event]
) -> None:
    workspace = open_workspace()
    model = Forgetful(answers=[says(propose()), says(propose(kernel_size=5))])
    settings = DesignSettings(drive="autonomous", max_trials=2)
    graph = build_design_graph(
        DesignNodes(Designer(LiveAnswers(model)), workspace, settings, "digits", events.append), InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": 100}
    graph.invoke(start_state(), config)
    assert states(workspace) == ["trained", "trained"]
    assert sum(isinstance(event, LlmFailed) for event in events) == 2


def test_the_trace_does_not_repeat_the_conversation(open_workspace: Open, events: list[Event]) -> None:
    run(open_workspace(), [says(content="hm"), says(propose()), says(train(1))], events, max_trials=1)
    assert all("dialogue" not in event.update for event in events if isinstance(event, NodeFinished))
