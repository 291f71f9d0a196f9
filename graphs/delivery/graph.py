"""The delivery: approve -> train_fully -> distill -> explain -> export -> report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import interrupt

from graphs.delivery.explainer import Explainer
from graphs.delivery.state import DeliveryState
from graphs.designer import Designer
from graphs.tracing import trace_node
from nas.events import EventSink
from nas.records.explained import Explanation
from nas.records.outcomes import read_outcomes
from nas.records.run_events import ApprovalAnswered
from nas.workspace.workspace import Workspace


@dataclass(frozen=True)
class DeliveryNodes:
    """The nodes of the delivery. `asks` makes approval wait for a person's answer."""

    designer: Designer
    workspace: Workspace
    asks: bool
    events: EventSink

    def approve(self, state: DeliveryState) -> dict[str, Any]:
        """Let a person accept the winners, name other trained candidates, or decline with an empty list."""
        if not self.asks:
            return {"approved": state["winners"]}
        trained = [trial.id for trial in self.workspace.trials if trial.state == "trained"]
        answer: object = interrupt({"winners": state["winners"], "trained": trained})
        answer = answer if isinstance(answer, list) else [answer]
        self.events(ApprovalAnswered(tuple(answer)))
        return {"approved": [candidate for candidate in answer if candidate in trained]}

    def train_fully(self, state: DeliveryState) -> dict[str, Any]:
        """Train every approved winner from scratch with the full recipe."""
        return self._add(state, "full", lambda candidate: self.workspace.train_fully(candidate).to_brief())

    def distill(self, state: DeliveryState) -> dict[str, Any]:
        """Distill the teacher into every approved winner."""
        return self._add(state, "distill", lambda candidate: self.workspace.distill(candidate).to_brief())

    def explain(self, state: DeliveryState) -> dict[str, Any]:
        """Ask the designer, now that all figures are known, why each design was chosen; keep what the records bear."""
        explainer = Explainer(self.designer, state["drive"] == "autonomous", self.workspace.seed, self.events)
        records = self.workspace.snapshot(read_outcomes(state["outcomes"]))

        def explain(candidate: str) -> dict[str, Any]:
            index = state["num_answers"] + state["approved"].index(candidate)
            return explainer.explain(records, candidate, index).to_dict()

        return self._add(state, "explanation", explain)

    def export(self, state: DeliveryState) -> dict[str, Any]:
        """Deliver every approved winner as int8 firmware parts, verified in the TFLM runtime on the test split."""
        records = self.workspace.snapshot(read_outcomes(state["outcomes"]))

        def deliver(candidate: str) -> dict[str, Any]:
            explanation = Explanation.from_dict(state["outcomes"][candidate]["explanation"])
            return self.workspace.export(explanation, records).to_brief()

        return self._add(state, "metrics", deliver)

    def report(self, state: DeliveryState) -> dict[str, Any]:
        """Close the run; the figures of the delivery become its last words."""
        return {"outcomes": state["outcomes"]}

    def route_after_approve(self, state: DeliveryState) -> Literal["train_fully", "report"]:
        """The next node; nothing approved means nothing is delivered."""
        return "train_fully" if state["approved"] else "report"

    def _add(self, state: DeliveryState, key: str, act: Any) -> dict[str, Any]:
        outcomes = {candidate: dict(state["outcomes"].get(candidate, {})) for candidate in state["approved"]}
        for candidate in state["approved"]:
            outcomes[candidate][key] = act(candidate)
        return {"outcomes": outcomes}


def add_delivery(graph: StateGraph[Any, Any, Any, Any], nodes: DeliveryNodes, *, then: str) -> None:
    """Add the delivery's steps and the edges between them; it begins at `approve` and hands over to `then`."""
    steps = (nodes.approve, nodes.train_fully, nodes.distill, nodes.explain, nodes.export, nodes.report)
    for step in steps:
        graph.add_node(step.__name__, trace_node("delivery", step, nodes.events))
    graph.add_conditional_edges("approve", nodes.route_after_approve)
    graph.add_edge("train_fully", "distill")
    graph.add_edge("distill", "explain")
    graph.add_edge("explain", "export")
    graph.add_edge("export", "report")
    graph.add_edge("report", then)


def build_delivery_graph(
    nodes: DeliveryNodes, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[DeliveryState, None, DeliveryState, DeliveryState]:
    """The compiled delivery."""
    graph: StateGraph[DeliveryState, None, DeliveryState, DeliveryState] = StateGraph(DeliveryState)
    graph.add_edge(START, "approve")
    add_delivery(graph, nodes, then=END)
    return graph.compile(checkpointer=checkpointer)
