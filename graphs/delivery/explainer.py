"""Asks the designer why a design was chosen, and keeps only the part of its answer that the records bear out."""

from __future__ import annotations

from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import BaseTool

from graphs.designer import Designer
from graphs.tracing import ChatAnswer, ChatCall, call_chat_model, call_tool, derive_seed
from nas.errors import ChatModelError
from nas.events import EventSink
from nas.explanation.claims import derive_claims
from nas.explanation.explanation import explain_by_system, read_selection
from nas.records.explained import CheckedClaim, Claim, Explained, Explanation
from nas.records.run_records import RunRecords
from prompts import render
from tools import build_select_claims, build_state_claims


@dataclass(frozen=True)
class Explainer:
    """Asks for explanations; `is_free`: the designer makes its own claims instead of choosing among the system's."""

    designer: Designer
    is_free: bool
    seed: int
    events: EventSink

    def explain(self, records: RunRecords, candidate_id: str, index: int) -> Explanation:
        """The explanation of a candidate; by the system alone, with the reason, where the designer gives none.

        A chat model that fails here costs a run only its explanation: what was trained is delivered all the same.
        """
        claims = derive_claims(records, candidate_id)
        try:
            found = self._ask(records, candidate_id, claims, index)
        except ChatModelError as error:
            found = explain_by_system(candidate_id, claims, f"the chat model could not be asked ({error})")
        self.events(Explained(found))
        return found

    def _ask(self, records: RunRecords, candidate_id: str, claims: tuple[Claim, ...], index: int) -> Explanation:
        by = str(self.designer.answers.identity.get("spec", "the chat model"))
        if self.is_free:
            tool: BaseTool = build_state_claims(records, candidate_id)
        else:
            tool = build_select_claims(len(claims))
        answer = self._call(self._write_prompt(records, candidate_id, claims), tool, candidate_id, index)
        made = next((call for call in answer.calls if call["name"] == tool.name), None)
        artifact = call_tool(tool, made["args"], self.events).artifact if made else None
        if not artifact or "claims" not in artifact:
            return explain_by_system(candidate_id, claims, f"{by} answered with no usable call of {tool.name}")
        if self.is_free:
            checked = tuple(CheckedClaim.from_dict(claim) for claim in artifact["claims"])
            kept = [claim for claim in checked if claim.verdict != "dropped"]
            rest = explain_by_system(candidate_id, claims, "").selected if len(kept) < 3 else ()
            return Explanation(candidate_id, "claimed", by, rest, checked, len(claims))
        selected = read_selection(claims, artifact["claims"])
        if not selected:
            return explain_by_system(candidate_id, claims, f"{by} chose none of the statements")
        return Explanation(candidate_id, "selected", by, selected, num_offered=len(claims))

    def _write_prompt(self, records: RunRecords, candidate_id: str, claims: tuple[Claim, ...]) -> list[BaseMessage]:
        sentences = [claim.sentence for claim in claims]
        text = render(
            "explain", candidate=candidate_id, board=records.board.name, free=self.is_free, sentences=sentences
        )
        return [SystemMessage(render("explainer")), HumanMessage(text)]

    def _call(self, messages: list[BaseMessage], tool: BaseTool, candidate_id: str, index: int) -> ChatAnswer:
        seed = derive_seed(self.seed, "explain", candidate_id)
        call = ChatCall(messages, [tool], tool.name, seed, index)
        return call_chat_model(self.designer.answers, call, self.events)
