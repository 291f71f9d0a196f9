"""The design loop: propose -> screen -> evaluate -> reflect -> (again | select); rejected proposals go back at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.settings import DesignSettings
from graphs.tracing import ChatCall, call_chat_model, call_tool, derive_seed, trace_node
from nas.errors import NoLegalCandidateError
from nas.events import EventSink
from nas.space import spell_choice
from nas.suggestions import suggest
from nas.trial import Trial
from nas.workspace import Workspace
from prompts import render
from tools import (
    build_edit_architecture,
    build_estimate_macs,
    build_estimate_peak_sram,
    build_mini_train,
    build_pareto_status,
    build_propose_architecture,
)


class DesignState(TypedDict):
    """Plain values only; everything larger stays behind the workspace.

    number: proposals so far; parent: the candidate the open proposal edits; tool_call: what the chat model asked for;
    candidate: the open proposal's trial; rejections: the latest reasons, newest last; front: the members' figures.
    """

    number: int
    parent: str | None
    tool_call: dict[str, Any] | None
    candidate: dict[str, Any] | None
    rejections: list[str]
    num_trained: int
    front: list[dict[str, Any]]
    hypervolume: float
    winners: list[str]


def start_state() -> DesignState:
    """The state before the first proposal."""
    return DesignState(
        number=0,
        parent=None,
        tool_call=None,
        candidate=None,
        rejections=[],
        num_trained=0,
        front=[],
        hypervolume=0.0,
        winners=[],
    )


@dataclass(frozen=True)
class DesignNodes:
    """The nodes of the loop; they receive the chat model and reach the domain through the tools."""

    chat_model: BaseChatModel
    workspace: Workspace
    settings: DesignSettings
    data_name: str
    designs_whole: bool
    events: EventSink

    def propose(self, state: DesignState) -> dict[str, Any]:
        """Ask the chat model for the next design: a whole one, or 2-3 edits of a member of the front."""
        number = state["number"] + 1
        self.workspace.open_proposal(number)
        whole = self.designs_whole or state["num_trained"] < self.settings.num_whole
        parent = None if whole else self.workspace.pick_parent(number)
        if parent is None:
            tool = build_propose_architecture(self.workspace)
        else:
            tool = build_edit_architecture(self.workspace, parent)
        seed = derive_seed(self.workspace.seed, "proposal", number)
        call = ChatCall(self._write_prompt(state, parent), tool, seed, index=number - 1)
        answer = call_chat_model(self.chat_model, call, self.events)
        made = answer.tool_calls[0] if answer.tool_calls else None
        return {
            "number": number,
            "parent": parent.id if parent else None,
            "tool_call": {"name": made["name"], "args": made["args"]} if made else None,
            "candidate": None,
        }

    def _write_prompt(self, state: DesignState, parent: Trial | None) -> list[BaseMessage]:
        workspace, settings = self.workspace, self.settings
        trends = workspace.front().trends
        trials = workspace.trials
        stages = parent.architecture.stages if parent and parent.architecture else ()
        described = [
            ", ".join(f"{field} {spell_choice(value)}" for field, value in stage.to_dict().items()) for stage in stages
        ]
        text = render(
            "design",
            data_name=self.data_name,
            num_classes=workspace.task.num_classes,
            target_accuracy=settings.target_accuracy,
            task=workspace.task,
            board=workspace.board.name,
            budget=workspace.budget,
            num_stages=workspace.space.num_stages,
            space=workspace.space.describe(),
            num_trained=state["num_trained"],
            num_rejected=sum(trial.state in ("invalid", "duplicate", "rejected") for trial in trials),
            front=state["front"][:8],
            trends=trends,
            suggestions=suggest(trends, trials, workspace.budget),
            rejections=state["rejections"],
            parent={"id": parent.id, "stages": described} if parent else None,
        )
        return [SystemMessage(render("role")), HumanMessage(text)]

    def screen(self, state: DesignState) -> dict[str, Any]:
        """Price the proposal before any training; what violates a limit goes back with its reason."""
        self.workspace.open_proposal(state["number"])
        candidate_id, trial = self._take_proposal(state)
        if candidate_id is not None:
            call_tool(build_estimate_macs(self.workspace), {"candidate_id": candidate_id}, self.events)
            call_tool(build_estimate_peak_sram(self.workspace), {"candidate_id": candidate_id}, self.events)
            trial = self.workspace.judge(candidate_id)
        if trial.state == "proposed":
            return {"candidate": trial.to_dict()}
        rejections = [*state["rejections"], f"{trial.id} ({trial.state}): {trial.reason}"]
        kept = rejections[-self.settings.num_rejections_shown :] if self.settings.num_rejections_shown else []
        return {"candidate": None, "rejections": kept}

    def _take_proposal(self, state: DesignState) -> tuple[str | None, Trial]:
        """The candidate id, if the chat model's tool call gave one, and the trial it became."""
        made = state["tool_call"]
        parent = self.workspace.find(state["parent"]) if state["parent"] else None
        if parent is None:
            tool = build_propose_architecture(self.workspace)
        else:
            tool = build_edit_architecture(self.workspace, parent)
        if made is None:
            return None, self.workspace.refuse(tool.name, f"the answer held no call of {tool.name}")
        if made["name"] != tool.name:
            return None, self.workspace.refuse(tool.name, f"the answer called {made['name']} instead of {tool.name}")
        message = call_tool(tool, made["args"], self.events)
        if message.artifact is None or "trial" not in message.artifact:
            return None, self.workspace.refuse(tool.name, message.text)
        return message.artifact["candidate"], Trial.from_dict(message.artifact["trial"])

    def evaluate(self, state: DesignState) -> dict[str, Any]:
        """Mini-train the legal candidate."""
        pending = Trial.from_dict(state["candidate"] or {})
        self.workspace.open_proposal(state["number"], pending=pending.to_dict())
        call_tool(build_mini_train(self.workspace), {"candidate_id": pending.id}, self.events)
        num_trained = sum(trial.state in ("trained", "failed") for trial in self.workspace.trials)
        return {"candidate": None, "num_trained": num_trained}

    def reflect(self, state: DesignState) -> dict[str, Any]:  # noqa: ARG002  # a node takes the state
        """Bring the front up to date; it becomes part of the next prompt."""
        artifact = call_tool(build_pareto_status(self.workspace), {}, self.events).artifact
        return {"front": artifact["front"], "hypervolume": artifact["hypervolume"]}

    def select(self, state: DesignState) -> dict[str, Any]:
        """Hand on the front's most accurate members, by validation accuracy."""
        if not state["front"]:
            failed = sum(trial.state == "failed" for trial in self.workspace.trials)
            found = f"{failed} legal ones diverged in training" if failed else "none was legal"
            raise NoLegalCandidateError(
                f"a delivery needs at least one trained candidate; of {state['number']} proposals {found}; "
                "start a new run with more design.max_proposals or a wider budget"
            )
        return {"winners": [member["id"] for member in state["front"][: self.settings.winners]]}

    def _is_over(self, state: DesignState) -> bool:
        return state["num_trained"] >= self.settings.max_trials or state["number"] >= self.settings.max_proposals

    def route_after_screen(self, state: DesignState) -> Literal["evaluate", "propose", "select"]:
        """A legal candidate is trained; a rejected one goes back to the designer while proposals are left."""
        if state["candidate"] is not None:
            return "evaluate"
        return "select" if self._is_over(state) else "propose"

    def route_after_reflect(self, state: DesignState) -> Literal["propose", "select"]:
        """Again, or done."""
        return "select" if self._is_over(state) else "propose"


def build_design_graph(
    nodes: DesignNodes, checkpointer: BaseCheckpointSaver[Any]
) -> CompiledStateGraph[DesignState, None, DesignState, DesignState]:
    """The compiled design loop."""
    graph: StateGraph[DesignState, None, DesignState, DesignState] = StateGraph(DesignState)
    steps = (nodes.propose, nodes.screen, nodes.evaluate, nodes.reflect, nodes.select)
    for step in steps:
        graph.add_node(step.__name__, trace_node("design", step, nodes.events))
    graph.add_edge(START, "propose")
    graph.add_edge("propose", "screen")
    graph.add_conditional_edges("screen", nodes.route_after_screen)
    graph.add_edge("evaluate", "reflect")
    graph.add_conditional_edges("reflect", nodes.route_after_reflect)
    graph.add_edge("select", END)
    return graph.compile(checkpointer=checkpointer)
