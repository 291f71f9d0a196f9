"""The composition root: from a configuration to a running graph, and back from an interrupted one."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.config import RunConfig
from agent.running.paths import cache_folder
from agent.running.reproduction import run_command
from agent.running.resources import Resources, load_data, open_designer
from agent.running.run_summary import sum_up
from agent.running.tracking import Tracker
from agent.running.training_setup import open_pool
from nas.events import Event, EventSink
from nas.records.run_events import RecordsMended, RunFinished, RunStarted, TrackingFailed
from nas.records.run_store import RunStore
from nas.records.trace_line import FORMAT
from nas.workspace.executor import Executor
from nas.workspace.workspace import Workspace

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from graphs.delivery.graph import DeliveryNodes
    from graphs.design.graph import DesignNodes
    from graphs.designer import Designer
    from nas.datasets import Dataset

VERSIONED = (
    *("kilosmith", "langgraph", "langchain-core", "langchain-openai", "transformers", "llguidance"),
    *("torch", "timm", "tensorflow", "tflite-micro"),
)

Ask = Callable[[Mapping[str, Any]], list[str]]


def create_run(
    config: RunConfig, root: Path, run_id: str, *, checkpoints: Literal["here", "server"] = "here"
) -> RunStore:
    """A new locked run folder that records the configuration, versions, the machine, and who keeps the checkpoints."""
    now = datetime.now(UTC)
    record = {
        "created": now.isoformat(timespec="microseconds"),
        "versions": {name: metadata.version(name) for name in VERSIONED} | {"python": platform.python_version()},
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "checkpoints": checkpoints,
        "config": config.model_dump(mode="json"),
    }
    return RunStore.create(root, run_id, record)


def name_run(config: RunConfig) -> str:
    """A run id from the time and the preset."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{config.preset}"


def build_workspace(
    config: RunConfig, store: RunStore, executor: Executor, num_images: Mapping[str, int], events: EventSink
) -> Workspace:
    """The workspace of a run, whose data set's splits hold `num_images`."""
    return Workspace(
        store=store,
        space=config.resolve_space(),
        task=config.resolve_task(),
        budget=config.resolve_budget(),
        board=config.resolve_board(),
        executor=executor,
        seed=config.seed,
        events=events,
        num_niches=config.design.num_niches,
        num_images=num_images,
        halving=config.training.halving,
    )


def count_images(data: Dataset) -> dict[str, int]:
    """Images in each split."""
    return {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}


def build_local_workspace(config: RunConfig, store: RunStore, data: Dataset, events: EventSink) -> Workspace:
    """The workspace of a run that is trained and delivered on this machine."""
    from nas.workspace.local_executor import LocalExecutor  # late: torch

    executor = LocalExecutor(
        store.training_folder,
        config.resolve_task(),
        data,
        config.training,
        config.seed,
        events,
        command=run_command(config),
        teacher_cache=cache_folder() / "teachers",
        pool=open_pool(config, store.training_folder, partial(load_data, config)),
    )
    return build_workspace(config, store, executor, count_images(data), events)


@dataclass(frozen=True)
class OpenRun:
    """A locked run with everything its graphs need; what happens in it reaches its trace through `events`."""

    config: RunConfig
    store: RunStore
    workspace: Workspace
    designer: Designer
    events: EventSink

    def finish(self, delivered: Mapping[str, Any]) -> RunFinished:
        """The outcome, on record; `delivered` is the delivery's final state."""
        store = self.store
        outcome = sum_up(store.run_id, store.folder, self.workspace, delivered, store.load_trace())
        self.events(outcome)
        return outcome


def open_run(
    config: RunConfig,
    resources: Resources,
    store: RunStore,
    show: EventSink,
    *,
    mended: Sequence[str] = (),
    tracker: Tracker | None = None,
    open_executor: Callable[[], Executor] | None = None,
) -> OpenRun:
    """A locked run, ready to continue; `mended` names the records that a crash had torn; `tracker` receives the events.

    `open_executor` replaces this machine's executor with another one.
    """

    def events(event: Event) -> None:
        store.append_event(event, datetime.now(UTC).isoformat(timespec="milliseconds"))
        show(event)
        if tracker is not None and (failure := tracker.take(event)):
            events(TrackingFailed(failure))

    if open_executor is None:
        workspace = build_local_workspace(config, store, resources.data, events)
    else:
        workspace = build_workspace(config, store, open_executor(), count_images(resources.data), events)
    designer = open_designer(config, resources.chat_model)
    events(_introduce(store, config, workspace, resources.data, designer))
    if mended:
        events(RecordsMended(tuple(mended)))
    return OpenRun(config, store, workspace, designer, events)


def drive_run(run: OpenRun, ask: Ask) -> RunFinished:
    """Carry a run to its end from wherever it stands."""
    with open_checkpointer(run.store) as checkpointer:
        found = drive_design(run, checkpointer)
        delivered = _drive_delivery(run, found, checkpointer, ask)
    return run.finish(delivered)


def _introduce(
    store: RunStore, config: RunConfig, workspace: Workspace, data: Dataset, designer: Designer
) -> RunStarted:
    task = workspace.task
    return RunStarted(
        format=FORMAT,
        run=store.run_id,
        preset=config.preset,
        seed=config.seed,
        llm=config.llm.spec,
        data=config.data.spec,
        input=(task.height, task.width, task.channels),
        num_classes=task.num_classes,
        board=workspace.board.name,
        budget=workspace.budget,
        max_proposals=config.design.max_proposals,
        max_trials=config.design.max_trials,
        resumed=any(True for _ in store.load_trace()),
        num_images=count_images(data),
        data_remarks=tuple(data.remarks),
        designer=designer.describe(),
        config=config.model_dump(mode="json"),
    )


@contextmanager
def open_checkpointer(store: RunStore) -> Iterator[Any]:
    """The run's checkpoints, open while the context lasts."""
    from graphs.checkpoints import PrunedSqliteSaver  # late: a second of imports

    connection = sqlite3.connect(store.checkpoints_path, check_same_thread=False)
    try:
        yield PrunedSqliteSaver(connection)
    finally:
        connection.close()


def design_nodes(config: RunConfig, workspace: Workspace, designer: Designer, events: EventSink) -> DesignNodes:
    """The nodes of a run's design loop."""
    from graphs.design.graph import DesignNodes

    return DesignNodes(designer, workspace, config.design, config.data.spec.split(":", 1)[0], events)


def delivery_nodes(config: RunConfig, workspace: Workspace, designer: Designer, events: EventSink) -> DeliveryNodes:
    """The nodes of a run's delivery."""
    from graphs.delivery.graph import DeliveryNodes

    return DeliveryNodes(designer, workspace, config.approve == "ask", events)


def build_design(
    config: RunConfig, workspace: Workspace, designer: Designer, checkpointer: Any, events: EventSink
) -> CompiledStateGraph[Any, None, Any, Any]:
    """The compiled design loop of a run."""
    from graphs.design.graph import build_design_graph

    return build_design_graph(design_nodes(config, workspace, designer, events), checkpointer)


def build_delivery(
    config: RunConfig, workspace: Workspace, designer: Designer, checkpointer: Any, events: EventSink
) -> CompiledStateGraph[Any, None, Any, Any]:
    """The compiled delivery of a run."""
    from graphs.delivery.graph import build_delivery_graph

    return build_delivery_graph(delivery_nodes(config, workspace, designer, events), checkpointer)


def drive_design(run: OpenRun, checkpointer: Any) -> dict[str, Any]:
    """The final state of the search, which is begun, continued or just read back."""
    from graphs.design.graph import count_steps
    from graphs.design.state import start_state

    graph = build_design(run.config, run.workspace, run.designer, checkpointer, run.events)
    return _drive(graph, "design", start_state(), count_steps(run.config.design), _refuse_to_ask)


def _drive_delivery(run: OpenRun, found: Mapping[str, Any], checkpointer: Any, ask: Ask) -> dict[str, Any]:
    from graphs.delivery.state import start_state

    graph = build_delivery(run.config, run.workspace, run.designer, checkpointer, run.events)
    start = start_state(found["winners"], found["drive"], found["num_answers"])
    return _drive(graph, "delivery", start, 16, ask)


def _refuse_to_ask(payload: Mapping[str, Any]) -> list[str]:
    raise RuntimeError(f"the design loop asks nobody, yet it asked {dict(payload)}")


def _drive(
    graph: CompiledStateGraph[Any, None, Any, Any], thread: str, start: Any, steps: int, ask: Ask
) -> dict[str, Any]:
    """The graph's final state; the graph is begun, continued or just read back, whichever its checkpoint calls for."""
    from langchain_core.runnables import RunnableConfig
    from langgraph.types import Command

    config = RunnableConfig(configurable={"thread_id": thread}, recursion_limit=steps)
    snapshot = graph.get_state(config)
    if snapshot.values and not snapshot.next:
        return dict(snapshot.values)
    state = graph.invoke(None if snapshot.values else start, config, durability="sync")
    while "__interrupt__" in state:
        answer = ask(state["__interrupt__"][0].value)
        state = graph.invoke(Command(resume=answer), config, durability="sync")
    return dict(state)
