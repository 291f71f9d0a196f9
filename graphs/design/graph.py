"""The design loop: propose -> screen -> evaluate -> reflect -> (again | select); rejected proposals go back at once.

A guided designer is given one tool at a time; an autonomous one calls the tools it chooses (consult) until it has a
candidate trained. `examine` decides once which of the two it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.design.consultation import Consultation, is_round_over
from graphs.design.examination import QUESTIONS, choose_drive, count_right_answers
from graphs.design.proposals import describe_rejection, fill_proposal, judge_proposal
from graphs.design.requests import Requests
from graphs.design.settings import DesignSettings
from graphs.design.state import DesignState, Effort
from graphs.designer import Designer
from graphs.tracing import Node, call_tool, trace_node
from nas.errors import NoLegalCandidateError
from nas.events import EventSink
from nas.records.run_events import CallsIgnored, DriveChosen
from nas.search.search_events import FrontChanged
from nas.search.trial import Trial
from nas.workspace.workspace import Workspace
from tools import build_edit_architecture, build_mini_train, build_pareto_status, build_propose_architecture

Step = Callable[["DesignNodes", DesignState], dict[str, Any]]


def with_pending(step: Step) -> Step:
    """The node, run after restoring to the workspace the legal trials waiting in the state: a restart loses them."""

    @functools.wraps(step)
    def stepped(self: DesignNodes, state: DesignState) -> dict[str, Any]:
        self.workspace.restore([*state["candidates"], *state["pending"]])
        return step(self, state)

    return stepped


@dataclass(frozen=True)
class DesignNodes:
    """The nodes of the loop; they receive the designer and reach the domain through the tools."""

    designer: Designer
    workspace: Workspace
    settings: DesignSettings
    data_name: str
    events: EventSink

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self.designer, self.workspace, self.settings, self.data_name, self.events)

    def examine(self, state: DesignState) -> dict[str, Any]:  # noqa: ARG002  # a node takes the state
        """Decide how the designer is driven: as the settings say, or by questions with known answers."""
        if self.settings.drive != "auto":
            found = DriveChosen(self.settings.drive, by="setting")
        elif not self.designer.is_checked:
            found = DriveChosen("guided", by="kind")
        else:
            right = count_right_answers(self.designer, self.workspace, self.events)
            found = DriveChosen(choose_drive(right), by="check", num_right=right, num_asked=len(QUESTIONS))
        self.events(found)
        return {"drive": found.drive}

    @with_pending
    def propose(self, state: DesignState) -> dict[str, Any]:
        """Ask the chat model for the arguments of one design (guided) or for its next tool calls (autonomous)."""
        if state["drive"] == "autonomous":
            return self._requests.ask_freely(state)
        return self._requests.ask_for_design(state)

    @with_pending
    def consult(self, state: DesignState) -> dict[str, Any]:
        """Answer an autonomous designer's tool calls; its proposals are judged at once, training waits for `screen`."""
        consultation = Consultation(
            workspace=self.workspace,
            settings=self.settings,
            toolbox=self._requests.build_toolbox(state["number"] + 1),
            events=self.events,
            number=state["number"],
            pending=list(state["pending"]),
            num_trained=state["num_trained"],
        )
        answers = consultation.answer(state["calls"], Effort.from_dict(state["effort"]).unreadable)
        return {
            "number": consultation.number,
            "dialogue": [*state["dialogue"], *answers],
            "pending": consultation.pending,
            "chosen": consultation.chosen,
            "rejections": self._add_rejections(state, consultation.refused),
        }

    @with_pending
    def screen(self, state: DesignState) -> dict[str, Any]:
        """Price proposals before any training; what violates a limit goes back with its reason."""
        return self._close_round(state) if state["drive"] == "autonomous" else self._screen_proposal(state)

    def _screen_proposal(self, state: DesignState) -> dict[str, Any]:
        """Guided: judge the one design that was asked for."""
        trial = judge_proposal(self.workspace, self._take_proposal(state), self.events)
        if trial.state == "proposed":
            return {"candidates": [*state["candidates"], trial.to_dict()]}
        return {"rejections": self._add_rejections(state, [trial])}

    def _take_proposal(self, state: DesignState) -> Trial:
        parent = self.workspace.find(state["parent"]) if state["parent"] else None
        proposal = self.workspace.open_proposal(state["number"])
        tool = build_edit_architecture(proposal, parent) if parent else build_propose_architecture(proposal)
        if not state["calls"]:
            return proposal.refuse(tool.name, f"the answer held no call of {tool.name}")
        made, *others = state["calls"]
        if others:
            self.events(CallsIgnored(tuple(call["name"] for call in others)))
        if made["name"] != tool.name:
            return proposal.refuse(tool.name, f"the answer called {made['name'][:80]} instead of {tool.name}")
        return fill_proposal(proposal, tool, made["args"], self.events)

    def _close_round(self, state: DesignState) -> dict[str, Any]:
        """Autonomous: take the candidates the designer chose, else its latest legal one; leave the others untrained."""
        number, effort = state["number"], Effort.from_dict(state["effort"])
        chosen = state["chosen"] or [trial["id"] for trial in state["pending"][-1:]]
        for trial in state["pending"]:
            if trial["id"] not in chosen:
                self.workspace.pass_over(trial["id"])
        update: dict[str, Any] = {}
        if number == effort.number:  # proposing nothing uses up a proposal too
            number += 1
            reason = f"no proposal in {effort.answers} answers"
            refused = self.workspace.open_proposal(number).refuse("mini_train", reason)
            judge_proposal(self.workspace, refused, self.events)
            update["rejections"] = self._add_rejections(state, [refused])
        return update | {
            "number": number,
            "calls": [],
            "dialogue": [],
            "effort": Effort(number).to_dict(),
            "pending": [],
            "chosen": [],
            "candidates": [trial for trial in state["pending"] if trial["id"] in chosen],
        }

    def _add_rejections(self, state: DesignState, refused: list[Trial]) -> list[str]:
        told = [*state["rejections"], *(describe_rejection(trial) for trial in refused)]
        return told[-self.settings.num_rejections_shown :] if self.settings.num_rejections_shown else []

    @with_pending
    def evaluate(self, state: DesignState) -> dict[str, Any]:
        """Mini-train the legal candidates."""
        self.workspace.train_together([candidate["id"] for candidate in state["candidates"]])
        for candidate in state["candidates"]:
            call_tool(build_mini_train(self.workspace), {"candidate_id": candidate["id"]}, self.events)
        return {"candidates": [], "num_trained": self.workspace.index.num_trained}

    def reflect(self, state: DesignState) -> dict[str, Any]:  # noqa: ARG002  # a node takes the state
        """Bring the front up to date; it becomes part of the next prompt."""
        told = call_tool(build_pareto_status(self.workspace), {}, self.events).artifact
        changed = FrontChanged.from_dict({key: told[key] for key in ("front", "size", "hypervolume")})
        self.events(changed)
        return {"hypervolume": changed.hypervolume}

    def select(self, state: DesignState) -> dict[str, Any]:
        """Hand on the front's most accurate members, by validation accuracy."""
        front = self.workspace.front
        if not front:
            failed = self.workspace.index.counts["failed"]
            found = f"{failed} legal ones failed in training" if failed else "none was legal"
            raise NoLegalCandidateError(
                f"a delivery needs at least one trained candidate; of {state['number']} proposals {found}; "
                "start a new run with more design.max_proposals or a wider budget"
            )
        return {"winners": [member.id for member in front[: self.settings.winners]]}

    # --- routes ------------------------------------------------------------------------------------------------

    def _is_over(self, state: DesignState) -> bool:
        num_trials = state["num_trained"] + len(state["candidates"])
        return num_trials >= self.settings.max_trials or state["number"] >= self.settings.max_proposals

    def route_after_propose(self, state: DesignState) -> Literal["consult", "screen"]:
        """The next node: an autonomous designer's calls are answered, a guided one's design is screened."""
        return "consult" if state["drive"] == "autonomous" else "screen"

    def route_after_consult(self, state: DesignState) -> Literal["screen", "propose"]:
        """The next node: the conversation continues until a candidate is chosen or the round is over."""
        return "screen" if state["chosen"] or self._is_round_over(state) else "propose"

    def _is_round_over(self, state: DesignState) -> bool:
        return is_round_over(state, self.settings, self.designer.context_tokens)

    def route_after_screen(self, state: DesignState) -> Literal["evaluate", "propose", "select"]:
        """Legal candidates are trained once there are enough; else the designer continues while proposals are left."""
        num_waiting, is_over = len(state["candidates"]), self._is_over(state)
        is_full = num_waiting >= self.settings.batch or state["drive"] == "autonomous"
        if num_waiting and (is_full or is_over):
            return "evaluate"
        return "select" if is_over else "propose"

    def route_after_reflect(self, state: DesignState) -> Literal["propose", "select"]:
        """The next node: propose again, or select."""
        return "select" if self._is_over(state) else "propose"


def add_design(graph: StateGraph[Any, Any, Any, Any], nodes: DesignNodes, *, then: str) -> None:
    """Add the design loop's steps and the edges between them; it begins at `examine` and hands over to `then`."""
    steps = (nodes.examine, nodes.propose, nodes.consult, nodes.screen, nodes.evaluate, nodes.reflect, nodes.select)
    for step in cast("Sequence[Node[DesignState]]", steps):
        graph.add_node(step.__name__, trace_node("design", step, nodes.events))
    graph.add_edge("examine", "propose")
    graph.add_conditional_edges("propose", nodes.route_after_propose)
    graph.add_conditional_edges("consult", nodes.route_after_consult)
    graph.add_conditional_edges("screen", nodes.route_after_screen)
    graph.add_edge("evaluate", "reflect")
    graph.add_conditional_edges("reflect", nodes.route_after_reflect)
    graph.add_edge("select", then)


def build_design_graph(
    nodes: DesignNodes, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[DesignState, None, DesignState, DesignState]:
    """The compiled design loop."""
    graph: StateGraph[DesignState, None, DesignState, DesignState] = StateGraph(DesignState)
    graph.add_edge(START, "examine")
    add_design(graph, nodes, then=END)
    return graph.compile(checkpointer=checkpointer)


def count_steps(settings: DesignSettings) -> int:
    """More steps than a search can take: LangGraph's own bound never binds."""
    return settings.max_proposals * (2 * settings.max_answers + 4) + 16
