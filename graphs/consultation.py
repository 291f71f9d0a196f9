"""What an autonomous designer's tool calls do: every call gets an answer, wrong ones say what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.tools import BaseTool

from graphs.conversation import PlainMessage, clean_text
from graphs.design_state import DesignState
from graphs.proposals import judge_proposal, phrase_verdict, take_proposal
from graphs.settings import DesignSettings
from graphs.tracing import call_tool
from nas.events import Event, EventSink
from nas.trial import Trial
from nas.workspace import Workspace
from tools import DESIGNING_TOOLS

MAX_IDLE = 3  # answers in a row without a tool call; then the round is over
_NUDGE = (
    "That held no tool call. Call propose_architecture or edit_architecture, then mini_train with the candidate id."
)
_UNREADABLE = "A tool call could not be read: its arguments must be one short JSON object. Call it again."


def is_round_over(state: DesignState, settings: DesignSettings, context_tokens: int | None = None) -> bool:
    """Whether the designer has used up what it may spend on one candidate, or has nothing left to do.

    A conversation that fills four fifths of `context_tokens` ends too: the tools' answers need room.
    """
    effort = state["effort"]
    return (
        effort["answers"] >= settings.max_answers
        or effort["calls"] >= settings.max_calls
        or (context_tokens is not None and effort["length"] > 0.8 * context_tokens)
        or effort["tokens"] >= settings.max_tokens
        or effort["seconds"] >= settings.max_seconds
        or effort["idle"] >= MAX_IDLE
        or (state["number"] >= settings.max_proposals and not state["pending"])
    )


@dataclass
class Consultation:
    """Answers the calls of one message; collects what they changed."""

    workspace: Workspace
    settings: DesignSettings
    toolbox: Mapping[str, BaseTool]
    events: EventSink
    number: int
    pending: list[dict[str, Any]]
    num_trained: int
    chosen: list[str] = field(default_factory=list)
    refused: list[Trial] = field(default_factory=list)

    def answer(self, calls: list[dict[str, Any]], num_unreadable: int) -> list[PlainMessage]:
        """A message for every call, in order; one that asks for better where there was none, or an unreadable one."""
        answers: list[PlainMessage] = [
            {
                "role": "tool",
                "content": clean_text(self._answer(call["name"], call["args"])),
                "tool_call_id": call["id"],
                "name": call["name"],
            }
            for call in calls
        ]
        if num_unreadable:
            return [*answers, {"role": "human", "content": _UNREADABLE}]
        return answers or [{"role": "human", "content": _NUDGE}]

    def _answer(self, name: str, arguments: dict[str, Any]) -> str:
        if name not in self.toolbox:
            self.events(Event("tool_unknown", {"tool": name, "known": list(self.toolbox)}))
            return f"error: there is no tool {name}; call one of {', '.join(self.toolbox)}"
        if name in DESIGNING_TOOLS:
            return self._take(self.toolbox[name], arguments)
        if name == "mini_train" and (candidate := self._find_pending(arguments)) is not None:
            return self._choose(candidate)
        return call_tool(self.toolbox[name], arguments, self.events).text

    def _take(self, tool: BaseTool, arguments: dict[str, Any]) -> str:
        if self.number >= self.settings.max_proposals:
            return "error: no proposals are left; call mini_train with a legal candidate"
        self.number += 1
        self.workspace.open_proposal(self.number)
        trial = judge_proposal(self.workspace, take_proposal(self.workspace, tool, arguments, self.events), self.events)
        if trial.state == "proposed":
            self.pending.append(trial.to_dict())
        else:
            self.refused.append(trial)
        return phrase_verdict(trial)

    def _find_pending(self, arguments: dict[str, Any]) -> str | None:
        wanted = arguments.get("candidate_id") if set(arguments) == {"candidate_id"} else None
        return next((trial["id"] for trial in self.pending if trial["id"] == wanted), None)

    def _choose(self, candidate: str) -> str:
        if self.num_trained + len(self.chosen) >= self.settings.max_trials:
            return f"error: no training is left for {candidate}"
        if candidate not in self.chosen:
            self.chosen.append(candidate)
        return f"{candidate} will be trained now"
