"""The graphs as LangGraph's server loads them (`langgraph.json`): a run from request to delivery, and a question.

The server also builds a graph just to draw it or to list its fields, and then nothing may happen: a run's data, chat
model and folder are opened by its first step. The checkpoints are the server's, so a run begun there continues there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict  # what pydantic needs before Python 3.12

from agent.config import RunConfig, read_config, resolve_config
from agent.running.inquiry import Inquiry, open_inquiry
from agent.running.resources import Resources, prepare
from agent.running.runner import OpenRun, create_run, delivery_nodes, design_nodes, name_run, open_run
from agent.running.tracking import Tracker
from agent.terminal.run_session import save_records
from graphs.delivery.graph import DeliveryNodes, add_delivery
from graphs.delivery.state import DeliveryState
from graphs.design.graph import DesignNodes, add_design
from graphs.design.state import DesignState, start_state
from graphs.inquiry.graph import InquiryNodes, add_inquiry
from graphs.inquiry.state import InquiryState
from nas.errors import NoLegalCandidateError
from nas.events import Event, EventSink, ignore_events
from nas.records.run_events import NodeWaiting
from nas.records.run_store import RunStore

Graph = StateGraph[Any, Any, Any, Any]
Compiled = CompiledStateGraph[Any, Any, Any, Any]
Nodes = TypeVar("Nodes")

MAX_STEPS = 1_000_000


class RunRequest(TypedDict, total=False):
    """What a run is asked for, all of it optional: preset, settings (KEY=VALUE as `run --set` takes them), run id, and
    the folder of all runs.
    """

    preset: str
    settings: list[str]
    name: str
    runs: str


class RunAnswer(TypedDict):
    """Where the run is, what was approved, and the figures of the delivery by candidate."""

    folder: str
    approved: list[str]
    outcomes: dict[str, dict[str, Any]]
    hypervolume: float


class RunState(RunRequest, DesignState, DeliveryState):
    """The search, then the delivery; `folder`: the run's."""

    folder: str


class AskRequest(TypedDict, total=False):
    """A question, about which run (an id, a path or "latest"), and the folder of all runs."""

    question: str
    run: str
    runs: str


class AskAnswer(TypedDict):
    """The answer; is_declined: nothing on record answers the question."""

    answer: str
    is_declined: bool


class AskState(InquiryState):
    """A question about `run` under the folder `runs`."""

    run: str
    runs: str


@dataclass
class RunSession:
    """The run that a graph works on, from its first step to the last one of this execution."""

    _run: OpenRun | None = None
    _tracker: Tracker | None = None
    _early: list[Event] = field(default_factory=list)

    def begin(self, state: RunRequest) -> dict[str, Any]:
        """Create the run's folder and open all it needs."""
        config = resolve_config(state.get("preset", "quick"), settings=state.get("settings", []))
        root, run_id = Path(state.get("runs", "runs")), state.get("name") or name_run(config)
        RunStore.check_new(root, run_id)
        resources = prepare(config, ignore_events)
        store = create_run(config, root, run_id, checkpoints="server")
        self._open(config, resources, store)
        return {**start_state(), "approved": [], "outcomes": {}, "folder": str(store.folder)}

    def open(self, state: RunState) -> OpenRun:
        """The run of a state, resumed where an earlier execution left it."""
        if self._run is None:
            store = RunStore(Path(state["folder"]))
            mended = store.lock()
            config = read_config(store.load_config()["config"])
            run = self._open(config, prepare(config, ignore_events), store, mended)
            while self._early:
                run.events(self._early.pop(0))
            return run
        return self._run

    def _open(self, config: RunConfig, resources: Resources, store: RunStore, mended: Sequence[str] = ()) -> OpenRun:
        self._tracker = Tracker(config, store)
        self._run = open_run(config, resources, store, ignore_events, mended=mended, tracker=self._tracker)
        return self._run

    def design(self, state: RunState) -> DesignNodes:
        """The nodes of its design loop."""
        run = self.open(state)
        return design_nodes(run.config, run.workspace, run.designer, run.events)

    def deliver(self, state: RunState) -> DeliveryNodes:
        """The nodes of its delivery."""
        run = self.open(state)
        return delivery_nodes(run.config, run.workspace, run.designer, run.events)

    def end(self, state: RunState) -> dict[str, Any]:
        """Write the outcome, the transcript and the report."""
        self.open(state).finish(state)
        self.close(has_ended=True)
        return {"hypervolume": state["hypervolume"]}

    def tell(self, event: Event) -> None:
        """Add a node's event to the run's records."""
        if self._run is None:  # the step that opens the run has only just started
            self._early.append(event)
            return
        self._run.events(event)
        if isinstance(event, NodeWaiting):  # for a person: this execution ends here
            self.close()

    def fail(self, error: Exception) -> None:
        """Release the run after an error in one of its steps."""
        self.close(has_ended=isinstance(error, NoLegalCandidateError))

    def close(self, *, has_ended: bool = False) -> None:
        """Save the transcript, and the report if the run has ended, and release the run."""
        if self._run is not None and self._tracker is not None:
            save_records(self._run.store, self._tracker, has_ended=has_ended)
            self.release()

    def release(self) -> None:
        """Release the run as it is: all that may be done in the server's event loop, which must not block."""
        if self._run is not None:
            self._run.store.close()
            self._run = None


class Deferred:
    """Stands in for a graph's nodes, which are opened when the first of them runs.

    `kind` is the nodes' class; `state` the type its steps are given here, wider than they ask for: it says whose nodes
    to open. An error in a step is passed to `fail` on its way up.
    """

    def __init__(
        self,
        kind: type[Nodes],
        state: type,
        open_nodes: Callable[[Any], Nodes],
        events: EventSink = ignore_events,
        fail: Callable[[Exception], None] | None = None,
    ) -> None:
        self.events = events
        self._kind, self._state, self._open, self._fail = kind, state, open_nodes, fail

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        step = getattr(self._kind, name)

        def deferred(state: Any) -> Any:
            try:
                return getattr(self._open(state), name)(state)
            except GraphBubbleUp:
                raise
            except Exception as error:
                if self._fail is not None:
                    self._fail(error)
                raise

        deferred.__name__, deferred.__doc__ = name, step.__doc__
        # from these LangGraph learns what a step is given, and where a route may lead
        deferred.__annotations__ = {"state": self._state, "return": get_type_hints(step)["return"]}
        return deferred


@contextmanager
def run_graph(config: RunnableConfig) -> Iterator[Compiled]:  # noqa: ARG001  # the server's signature
    """Search, train, distill and deliver. A run with the setting approve=ask waits for a list of candidate ids."""
    session = RunSession()
    design = Deferred(DesignNodes, RunState, session.design, session.tell, session.fail)
    delivery = Deferred(DeliveryNodes, RunState, session.deliver, session.tell, session.fail)
    graph: Graph = StateGraph(RunState, input_schema=RunRequest, output_schema=RunAnswer)
    graph.add_node("begin", session.begin)
    graph.add_node("end", session.end)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "examine")
    add_design(graph, cast(DesignNodes, design), then="approve")
    add_delivery(graph, cast(DeliveryNodes, delivery), then="end")
    graph.add_edge("end", END)
    try:
        yield _compile(graph)
    finally:
        session.release()


def ask_graph(config: RunnableConfig) -> Compiled:  # noqa: ARG001  # the server's signature
    """One question about a run; where it asks for a training, the graph waits for true or false."""
    inquiries: list[Inquiry] = []

    def open_about(state: AskState | AskRequest) -> Inquiry:
        if not inquiries:
            store = RunStore.open(Path(state.get("runs", "runs")), state.get("run", "latest"))
            inquiries.append(open_inquiry(store, llm=None, llm_url=None, confirm=lambda _: False, show=ignore_events))
        return inquiries[0]

    def begin(state: AskRequest) -> dict[str, Any]:
        inquiry = open_about(state)
        # the run by its path: "latest" may be another one by the time the thread continues
        return {**inquiry.begin(state["question"]), "run": str(inquiry.store.folder), "runs": state.get("runs", "runs")}

    def end(state: AskState) -> dict[str, Any]:
        turn = open_about(state).settle(state)
        return {"answer": turn["answer"], "is_declined": turn["is_declined"]}

    nodes = Deferred(InquiryNodes, AskState, lambda state: open_about(state).nodes())
    graph: Graph = StateGraph(AskState, input_schema=AskRequest, output_schema=AskAnswer)
    graph.add_node("begin", begin)
    graph.add_node("end", end)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "interpret")
    add_inquiry(graph, cast(InquiryNodes, nodes), then="end")
    graph.add_edge("end", END)
    return _compile(graph)


def _compile(graph: Graph) -> Compiled:
    """The graph without its own checkpoints; its loops end by the run's settings, never by LangGraph's bound."""
    return graph.compile().with_config(recursion_limit=MAX_STEPS)
