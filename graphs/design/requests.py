"""The requests to the designer: for the arguments of one design, or for its next tool calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

from graphs.conversation import NO_TEXT, from_plain, to_plain
from graphs.design.prompt import write_prompt
from graphs.design.settings import DesignSettings
from graphs.design.state import DesignState, Effort
from graphs.designer import Designer
from graphs.tracing import ChatAnswer, ChatCall, call_chat_model, derive_seed
from nas.errors import ConversationTooLongError
from nas.events import EventSink
from nas.search.search_events import FeedbackGiven
from nas.search.suggestions import suggest
from nas.search.trial import Trial, format_candidate_id
from nas.workspace.workspace import Workspace
from tools import build_edit_architecture, build_propose_architecture, build_toolbox


@dataclass(frozen=True)
class Requests:
    """Writes the prompts, offers the tools and puts the answers into the state."""

    designer: Designer
    workspace: Workspace
    settings: DesignSettings
    data_name: str
    events: EventSink

    def build_toolbox(self, number: int) -> dict[str, BaseTool]:
        """Every tool an autonomous designer may call, by name; `number` is the next proposal it can fill."""
        return dict(build_toolbox(self.workspace, self.workspace.open_proposal(number)))

    def ask_for_design(self, state: DesignState) -> dict[str, Any]:
        """Guided: one forced tool, for a whole design or for 2-3 edits of a known candidate."""
        number = state["number"] + 1
        parent, tool = self._choose_tool(state, number)
        prompt = self._write_prompt(state, number, parent=parent)
        answer = self._call(state, prompt, [tool], tool.name)
        return {
            "number": number,
            "num_answers": state["num_answers"] + 1,
            "parent": parent.id if parent else None,
            "calls": answer.calls,
        }

    def ask_freely(self, state: DesignState) -> dict[str, Any]:
        """Autonomous: the next message of the conversation about the open candidate, with every tool on offer."""
        effort, toolbox = Effort.from_dict(state["effort"]), self.build_toolbox(state["number"] + 1)
        if state["dialogue"]:
            messages = from_plain(state["dialogue"])
        else:
            messages = self._write_prompt(state, state["number"] + 1, autonomous=True)
        try:
            answer = self._call(state, messages, list(toolbox.values()), "auto", num_told=effort.told)
        except ConversationTooLongError:
            if not state["dialogue"]:
                raise  # the task itself is too long: no shorter conversation will help
            return {"calls": [], "effort": replace(effort, full=True).to_dict(), "candidates": []}
        known = [call for call in answer.calls if call["name"] in toolbox]
        said = {"role": "ai", "content": answer.message.text or ("" if known else NO_TEXT)}
        dialogue = [*map(to_plain, messages), said | ({"tool_calls": known} if known else {})]
        return {
            "num_answers": state["num_answers"] + 1,
            "calls": answer.calls,
            "dialogue": dialogue,
            "effort": _add(effort, answer, len(dialogue)).to_dict(),
            "candidates": [],
        }

    def _choose_tool(self, state: DesignState, number: int) -> tuple[Trial | None, BaseTool]:
        """The parent and the tool that edits it, or None and the tool for a whole design; with masks if used."""
        workspace = self.workspace
        proposal = workspace.open_proposal(number)
        masked = self.settings.masked and self.designer.takes_masks
        if not self._wants_whole(state, number, masked):
            for parent in workspace.steering.rank_parents(number):
                edit_mask = workspace.steering.mask_edits(parent) if masked else None
                if edit_mask is not None or not masked:
                    return parent, build_edit_architecture(proposal, parent, edit_mask)
        design_mask = workspace.steering.mask_design(number) if masked else None
        return None, build_propose_architecture(proposal, design_mask)

    def _wants_whole(self, state: DesignState, number: int, masked: bool) -> bool:
        if self.designer.designs_whole or state["num_trained"] < self.settings.num_whole:
            return True
        every = self.settings.whole_every
        return masked and every > 0 and number % every == 0

    def _write_prompt(
        self, state: DesignState, number: int, *, parent: Trial | None = None, autonomous: bool = False
    ) -> list[BaseMessage]:
        workspace = self.workspace
        niche = workspace.steering.pick_niche(number)
        trends, rejected = workspace.trends, tuple(workspace.index.recent_rejected)
        suggestions = suggest(trends, rejected, workspace.budget, niche)
        told = FeedbackGiven(
            candidate=format_candidate_id(number),
            parent=parent.id if parent else None,
            niche=str(niche) if niche else None,
            suggestions=tuple(suggestions),
            rejections=tuple(state["rejections"]),
        )
        self.events(told)
        return write_prompt(
            workspace,
            self.settings,
            self.data_name,
            rejections=state["rejections"],
            suggestions=suggestions,
            parent=parent,
            autonomous=autonomous,
        )

    def _call(
        self,
        state: DesignState,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool],
        tool_choice: str,
        *,
        num_told: int = 0,
    ) -> ChatAnswer:
        index = state["num_answers"]
        seed = derive_seed(self.workspace.seed, "answer", index)
        call = ChatCall(messages, tools, tool_choice, seed, index, num_told)
        return call_chat_model(self.designer.answers, call, self.events)


def _add(effort: Effort, answer: ChatAnswer, num_messages: int) -> Effort:
    """The effort after one more answer, with `num_messages` in the conversation then."""
    return replace(
        effort,
        answers=effort.answers + 1,
        calls=effort.calls + len(answer.calls),
        tokens=effort.tokens + answer.tokens,
        length=answer.tokens,
        seconds=round(effort.seconds + answer.seconds, 3),
        idle=0 if answer.calls else effort.idle + 1,
        unreadable=answer.num_unreadable,
        told=num_messages,
    )
