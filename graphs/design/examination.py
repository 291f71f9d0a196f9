"""Questions with known answers, which show before the search what a chat model can be trusted with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from graphs.design.settings import Drive
from graphs.designer import Designer
from graphs.tracing import ChatCall, call_chat_model, derive_seed
from nas.events import EventSink
from nas.workspace.workspace import Workspace
from tools import build_toolbox


@dataclass(frozen=True, slots=True)
class Question:
    """A request for one tool call, and the only right one."""

    text: str
    tool: str
    arguments: dict[str, Any]


_EDITS = [{"stage": 2, "field": "kernel_size", "value": 7}, {"stage": 1, "field": "skip", "value": True}]
QUESTIONS = (
    Question("How many multiply-accumulates does candidate c007 need?", "estimate_macs", {"candidate_id": "c007"}),
    Question("Which candidates are on the Pareto front by now?", "pareto_status", {}),
    Question("Candidate c012 is legal and worth it: train it now.", "mini_train", {"candidate_id": "c012"}),
    Question(
        "Take candidate c003; set kernel_size to 7 in stage 2, and skip to true in stage 1.",
        "edit_architecture",
        {"candidate_id": "c003", "edits": _EDITS},
    ),
)
_ROLE = "Answer every request with one call of the right tool, with exactly the arguments the request names."


def count_right_answers(designer: Designer, workspace: Workspace, events: EventSink) -> int:
    """How many of QUESTIONS the chat model answers with exactly the right tool call, up to its first mistake.

    The tools are offered as in the search and never executed. Raises ChatModelError when it gives no answer at all.
    """
    tools = tuple(build_toolbox(workspace, workspace.open_proposal(1)).values())
    for number, question in enumerate(QUESTIONS):
        messages = [SystemMessage(_ROLE), HumanMessage(question.text)]
        seed = derive_seed(workspace.seed, "check", number)
        answer = call_chat_model(designer.answers, ChatCall(messages, tools, "auto", seed, number), events)
        calls = [(call["name"], _format(call["args"])) for call in answer.calls]
        if calls != [(question.tool, _format(question.arguments))]:
            return number
    return len(QUESTIONS)


def choose_drive(num_right: int) -> Drive:
    """Autonomous only for a model that made no mistake, else guided."""
    return "autonomous" if num_right == len(QUESTIONS) else "guided"


def _format(arguments: dict[str, Any]) -> str:
    """Arguments as text that is equal if they mean the same: the order of edits is up to the model."""
    edits = arguments.get("edits")
    if isinstance(edits, list):
        arguments = {**arguments, "edits": sorted(json.dumps(edit, sort_keys=True) for edit in edits)}
    return json.dumps(arguments, sort_keys=True)
