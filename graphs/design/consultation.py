"""What an autonomous designer's tool calls do: every call is answered; for a wrong one, with what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.tools import BaseTool

from graphs.conversation import PlainMessage, clean_text
from graphs.design.proposals import describe_verdict, fill_proposal, judge_proposal
from graphs.design.settings import DesignSettings
from graphs.design.state import DesignState, Effort
from graphs.tracing import call_tool
from nas.events import EventSink
from nas.records.run_events import ToolUnknown
from nas.search.trial import Trial
from nas.workspace.workspace import Workspace
from tools import DESIGNING_TOOLS, build_toolbox

CHARACTERS_PER_TOKEN = 3  # fewer than in English or JSON, so that the limit is reached too early rather than too late
MAX_IDLE = 3  # consecutive answers without a tool call before the round is over
MAX_PROPOSALS_AT_ONCE = 4  # in one answer: a designer should learn from refusals
_NUDGE = (
    "That held no tool call. Call propose_architecture or edit_architecture, then mini_train with the candidate id."
)
_UNREADABLE = "A tool call could not be read: its arguments must be one short JSON object. Call it again."


def is_round_over(state: DesignState, settings: DesignSettings, context_tokens: int | None = None) -> bool:
    """Whether the designer has used up what it may spend on one candidate, or has nothing left to do.

    A conversation longer than `context_tokens`, counting tool answers not yet read, is over too.
    """
    effort = Effort.from_dict(state["effort"])
    unread = sum(len(message["content"]) for message in state["dialogue"][effort.told :])
    return (
        effort.answers >= settings.max_answers
        or effort.calls >= settings.max_calls
        or effort.full
        or (context_tokens is not None and effort.length + unread / CHARACTERS_PER_TOKEN > 0.9 * context_tokens)
        or effort.tokens >= settings.max_tokens
        or effort.seconds >= settings.max_seconds
        or effort.idle >= MAX_IDLE
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
    num_taken: int = 0

    def answer(self, calls: list[dict[str, Any]], num_unreadable: int) -> list[PlainMessage]:
        """A message per call of an existing tool, in order; then one on what is wrong with the others, or with none.

        Calls of unknown tools are answered in words: servers reject a history with tools they were not offered.
        """
        answers: list[PlainMessage] = [
            {
                "role": "tool",
                "content": clean_text(self._answer(call["name"], call["args"])),
                "tool_call_id": call["id"],
                "name": call["name"],
            }
            for call in calls
            if call["name"] in self.toolbox
        ]
        complaints = [self._refuse(call["name"]) for call in calls if call["name"] not in self.toolbox]
        complaints += [_UNREADABLE] if num_unreadable else []
        if not answers and not complaints:
            complaints = [_NUDGE]
        return [*answers, {"role": "human", "content": " ".join(complaints)}] if complaints else answers

    def _refuse(self, name: str) -> str:
        self.events(ToolUnknown(name, tuple(self.toolbox)))
        return f"error: there is no tool {name[:80]!r}; call one of {', '.join(self.toolbox)}."

    def _answer(self, name: str, arguments: dict[str, Any]) -> str:
        if name in DESIGNING_TOOLS:
            return self._take(name, arguments)
        if name == "mini_train" and (candidate := self._find_pending(arguments)) is not None:
            return self._choose(candidate)
        return call_tool(self.toolbox[name], arguments, self.events).text

    def _take(self, name: str, arguments: dict[str, Any]) -> str:
        self.num_taken += 1
        if self.num_taken > MAX_PROPOSALS_AT_ONCE:
            return f"error: at most {MAX_PROPOSALS_AT_ONCE} proposals at a time; read what became of these first"
        if self.number >= self.settings.max_proposals:
            return "error: no proposals are left; call mini_train with a legal candidate"
        self.number += 1
        proposal = self.workspace.open_proposal(self.number)
        tool = build_toolbox(self.workspace, proposal)[name]
        trial = judge_proposal(self.workspace, fill_proposal(proposal, tool, arguments, self.events), self.events)
        if trial.state == "proposed":
            self.pending.append(trial.to_dict())
        else:
            self.refused.append(trial)
        return describe_verdict(trial)

    def _find_pending(self, arguments: dict[str, Any]) -> str | None:
        # whatever other calls accompany it: only `evaluate` trains, within the run's limits
        wanted = arguments.get("candidate_id")
        return next((trial["id"] for trial in self.pending if trial["id"] == wanted), None)

    def _choose(self, candidate: str) -> str:
        if self.num_trained + len(self.chosen) >= self.settings.max_trials:
            return f"error: no training is left for {candidate}"
        if candidate not in self.chosen:
            self.chosen.append(candidate)
        return f"{candidate} will be trained now"
