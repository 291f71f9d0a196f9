"""One question: interpret -> consult -> (interpret again | check) -> close.

A chat model that proved able to choose its tools interprets freely, and what it says is checked against what the tools
said; for any other the router interprets, and the tools' own sentences are the answer. Which tools exist, and that
training waits for a person, is decided here; nothing that a question or an answer says can change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.conversation import NO_TEXT, clean_text, from_plain, to_plain
from graphs.inquiry.figure_check import Told, find_false_statements, find_unsupported
from graphs.inquiry.question import Focus
from graphs.inquiry.router import route_question
from graphs.inquiry.state import InquiryState
from graphs.tracing import AnswerSource, ChatCall, call_chat_model, call_tool, derive_seed
from nas.events import EventSink
from nas.explanation.checking import gather_facts
from nas.plain_text import plain_lines
from nas.records.run_records import RunRecords
from prompts import render

MAX_ANSWERS = 8  # of the chat model for one question
MAX_CALLS = 8  # tool calls for one question
MAX_COMPLAINTS = 1
NUM_TURNS_SHOWN = 4
_HYPOTHETICAL_TOOLS = ("price_edits", "train_what_if")  # their answers speak of networks that are not on record
CAN_ANSWER = (
    "I can answer from this run's records and estimators: why a candidate was chosen, rejected or beaten; what another "
    "kernel, stride, width, expansion, SE, skip, activation or depth would do; comparisons; how sure an accuracy is; "
    "which limit binds; where memory peaks; the front; what was delivered; the run itself."
)


@dataclass(frozen=True)
class InquiryNodes:
    """The nodes; `answers` is asked only in mode "model"."""

    toolbox: Mapping[str, BaseTool]
    records: RunRecords
    answers: AnswerSource | None
    events: EventSink
    seed: int = 0

    def interpret(self, state: InquiryState) -> dict[str, Any]:
        """Decide which tools answer the question, or take what the chat model says."""
        return self._ask(state) if state["mode"] == "model" else self._route(state)

    def _route(self, state: InquiryState) -> dict[str, Any]:
        route = route_question(state["question"], self.records, read_focus(state["history"]))
        if not route.calls:
            return {"pending": [], "is_declined": True, "answer": f"I cannot answer that: {route.reason}. {CAN_ANSWER}"}
        calls = [{"name": call["tool"], "args": dict(call["args"])} for call in route.calls[:MAX_CALLS]]
        return {"pending": calls}

    def _ask(self, state: InquiryState) -> dict[str, Any]:
        if self.answers is None:
            raise ValueError("the mode `model` needs a chat model")
        messages = from_plain(state["messages"]) if state["messages"] else self._write_prompt(state)
        index = state["num_answers"]
        seed = derive_seed(self.seed, "inquiry", len(state["history"]), index)
        call = ChatCall(messages, list(self.toolbox.values()), "auto", seed, index)
        answer = call_chat_model(self.answers, call, self.events)
        known = [made for made in answer.calls if made["name"] in self.toolbox]
        said = plain_lines(clean_text(answer.message.text))
        spoken = AIMessage(said or ("" if known else NO_TEXT), tool_calls=[{**c, "type": "tool_call"} for c in known])
        left = MAX_CALLS - len(state["calls"])
        return {
            "messages": [*map(to_plain, messages), to_plain(spoken)],
            "pending": known[:left],
            "num_answers": index + 1,
            "said": said,
        }

    def _write_prompt(self, state: InquiryState) -> list[BaseMessage]:
        records = self.records
        text = render(
            "inquiry",
            num_stages=records.space.num_stages,
            winners=records.winners,
            front=[member.id for member in records.front],
            num_trials=len(records.trials),
        )
        messages: list[BaseMessage] = [SystemMessage(text)]
        for turn in state["history"][-NUM_TURNS_SHOWN:]:
            messages += [HumanMessage(turn["question"]), AIMessage(turn["answer"])]
        return [*messages, HumanMessage(state["question"])]

    def consult(self, state: InquiryState) -> dict[str, Any]:
        """Make the calls; every one gets an answer, and training asks a person first."""
        messages, calls = list(state["messages"]), list(state["calls"])
        for made in state["pending"]:
            # if a person is asked, this node runs again with the answer; that is safe, as the other tools only read
            answered = call_tool(self.toolbox[made["name"]], made["args"], self.events)
            text = plain_lines(answered.text)
            made_trial = (answered.artifact or {}).get("trial")
            about = [made_trial] if made_trial else list(_about(made["args"]))
            calls.append(
                {"tool": made["name"], "args": made["args"], "text": text, "failed": _failed(answered), "about": about}
            )
            if state["mode"] == "model":
                messages.append(to_plain(ToolMessage(text, tool_call_id=made["id"], name=made["name"])))
        return {"calls": calls, "pending": [], "messages": messages}

    def check(self, state: InquiryState) -> dict[str, Any]:
        """Keep the chat model's words only if tools said every figure in them; complain once, then quote the tools."""
        if not state["calls"]:
            note = "the chat model answered without a tool"
            return {"is_declined": True, "note": note, "answer": f"That is not in this run's records. {CAN_ANSWER}"}
        wrong = self._find_wrong(state)
        if not state["said"] or (wrong and state["num_complaints"] >= MAX_COMPLAINTS):
            note = f"the chat model's own words were not kept: {'; '.join(wrong[:4])}" if wrong else ""
            return {"answer": quote_tools(state["calls"]), "note": note}
        if not wrong:
            return {"answer": state["said"]}
        remedy = "Answer again with figures the tools gave, or call another tool."
        complaint = f"No tool said this: {'; '.join(wrong[:8])}. {remedy}"
        messages = [*state["messages"], to_plain(HumanMessage(complaint))]
        return {"messages": messages, "num_complaints": state["num_complaints"] + 1}

    def _find_wrong(self, state: InquiryState) -> list[str]:
        told = [Told(call["text"], (*_about(call["args"]), *call["about"])) for call in state["calls"]]
        wrong = find_unsupported(state["said"], told)
        if any(call["tool"] in _HYPOTHETICAL_TOOLS for call in state["calls"]):
            return wrong
        about = dict.fromkeys(candidate for item in told for candidate in item.candidates)
        facts = {candidate: gather_facts(self.records, candidate) for candidate in about}
        facts = {candidate: found for candidate, found in facts.items() if found.stages}
        return wrong + (find_false_statements(state["said"], next(iter(facts)), facts) if facts else [])

    def close(self, state: InquiryState) -> dict[str, Any]:
        """Settle the answer: in the router's mode the tools' sentences are the answer."""
        if state["answer"]:
            return {"answer": state["answer"]}
        is_declined = all(call["failed"] for call in state["calls"])
        return {"answer": quote_tools(state["calls"]), "is_declined": is_declined}

    def route_after_interpret(self, state: InquiryState) -> Literal["consult", "check", "close"]:
        """The next node: calls are made; text without calls is checked; a declined question is closed."""
        if state["pending"]:
            return "consult"
        return "check" if state["mode"] == "model" else "close"

    def route_after_consult(self, state: InquiryState) -> Literal["interpret", "close"]:
        """The next node: the chat model reads what the tools said, as long as it may still answer."""
        may_go_on = state["num_answers"] < MAX_ANSWERS and len(state["calls"]) < MAX_CALLS
        return "interpret" if state["mode"] == "model" and may_go_on else "close"

    def route_after_check(self, state: InquiryState) -> Literal["interpret", "close"]:
        """The next node: interpret once more after a complaint, else close."""
        return "close" if state["answer"] or state["num_answers"] >= MAX_ANSWERS else "interpret"


def quote_tools(calls: list[dict[str, Any]]) -> str:
    """What the tools said, in order, each once."""
    texts = (
        f"I cannot say: {call['text'].removeprefix('error: ')}" if call["failed"] else call["text"] for call in calls
    )
    return "\n\n".join(dict.fromkeys(texts))


def read_focus(history: list[dict[str, Any]]) -> Focus:
    """What the latest answered turn was about."""
    for turn in reversed(history):
        if turn.get("calls"):
            call = turn["calls"][0]
            about = call["about"]
            return Focus(about[0] if about else None, call["tool"], call["args"])
    return Focus()


def _about(args: Mapping[str, Any]) -> tuple[str, ...]:
    named = (args.get(name) for name in ("candidate_id", "first", "second"))
    return tuple(str(name) for name in named if name)


def _failed(answered: ToolMessage) -> bool:
    return answered.artifact is None or "error" in answered.artifact


def add_inquiry(graph: StateGraph[Any, Any, Any, Any], nodes: InquiryNodes, *, then: str) -> None:
    """Add the steps of a question and the edges between them; it begins at `interpret` and hands over to `then`."""
    for step in (nodes.interpret, nodes.consult, nodes.check, nodes.close):
        graph.add_node(step.__name__, step)
    graph.add_conditional_edges("interpret", nodes.route_after_interpret)
    graph.add_conditional_edges("consult", nodes.route_after_consult)
    graph.add_conditional_edges("check", nodes.route_after_check)
    graph.add_edge("close", then)


def build_inquiry_graph(
    nodes: InquiryNodes, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[InquiryState, None, InquiryState, InquiryState]:
    """The compiled graph of one question."""
    graph: StateGraph[InquiryState, None, InquiryState, InquiryState] = StateGraph(InquiryState)
    graph.add_edge(START, "interpret")
    add_inquiry(graph, nodes, then=END)
    return graph.compile(checkpointer=checkpointer)
