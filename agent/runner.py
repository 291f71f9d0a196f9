"""The composition root: from a configuration to a running graph, and back from an interrupted one."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import RunConfig
from agent.places import cache_folder
from agent.reproduction import run_command
from agent.training_setup import check_training, open_executor
from nas.errors import SettingError
from nas.events import Event, EventSink
from nas.local_workshop import LocalWorkshop
from nas.store import RunStore
from nas.workshop import Workshop
from nas.workspace import Workspace

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from agent.chat_models.registry import OpenedChatModel
    from graphs.designer import Designer
    from nas.datasets import Dataset

VERSIONED = (
    *("kilosmith", "langgraph", "langchain-core", "langchain-openai", "transformers", "llguidance"),
    *("torch", "timm", "tensorflow", "tflite-micro"),
)

Ask = Callable[[Mapping[str, Any]], list[str]]


@dataclass(frozen=True)
class RunOutcome:
    """What a finished run left behind, in plain figures."""

    run_id: str
    folder: Path
    counts: dict[str, int]
    llm: dict[str, float]
    front: list[dict[str, Any]]
    hypervolume: float
    winners: list[str]
    outcomes: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `run --json`."""
        return {
            "run": self.run_id,
            "folder": str(self.folder),
            "counts": self.counts,
            "llm": self.llm,
            "front": self.front,
            "hypervolume": self.hypervolume,
            "winners": self.winners,
            "deliveries": self.outcomes,
        }


def create_run(config: RunConfig, root: Path, run_id: str) -> RunStore:
    """A new locked run folder that records the configuration, versions and the machine."""
    now = datetime.now(UTC)
    record = {
        "created": now.isoformat(timespec="microseconds"),
        "versions": {name: metadata.version(name) for name in VERSIONED} | {"python": platform.python_version()},
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "config": config.model_dump(mode="json"),
    }
    return RunStore.create(root, run_id, record)


def name_run(config: RunConfig) -> str:
    """A run id from the time and the preset."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{config.preset}"


@dataclass(frozen=True)
class Resources:
    """What a run needs from outside, at hand before anything is designed."""

    data: Dataset
    chat_model: OpenedChatModel


def prepare(config: RunConfig, show: EventSink) -> Resources:
    """Load the data set and open the chat model; raises before a run folder exists when one cannot be had."""
    from agent.chat_models.registry import open_chat_model  # late: langchain

    def tell(phase: str, step: str) -> None:
        show(Event("progress", {"phase": phase, "step": step}, transient=True))

    limit_threads(config)
    tell("data", f"loading {config.data.spec}")
    data = load_data(config)
    check_training(config, data.num_classes, partial(tell, "teacher"))
    tell("opening", config.llm.spec)
    report = partial(tell, "chat model")
    chat_model = open_chat_model(config.llm.spec, config.llm, cache=cache_folder(), report=report)
    if config.design.drive == "autonomous" and chat_model.only_guided:
        rule = "design.drive autonomous needs a chat model that chooses tools"
        raise SettingError(f"{rule}; {chat_model.name} is a baseline: choose guided or another --llm")
    return Resources(data, chat_model)


def limit_threads(config: RunConfig) -> None:
    """Let torch use as many threads as the configuration says; 0 leaves the choice to torch."""
    if config.threads:
        import torch  # late: two seconds

        torch.set_num_threads(config.threads)


def load_data(config: RunConfig) -> Dataset:
    """The run's data set."""
    from nas.datasets import load_dataset

    data = config.data
    return load_dataset(
        data.spec, validation_fraction=data.validation_fraction, seed=config.seed, train_limit=data.train_limit
    )


def build_workspace(config: RunConfig, store: RunStore, workshop: Workshop, num_images: Mapping[str, int]) -> Workspace:
    """The workspace of a run, whose data set's splits hold `num_images`."""
    return Workspace(
        store=store,
        space=config.resolve_space(),
        task=config.resolve_task(),
        budget=config.resolve_budget(),
        board=config.resolve_board(),
        workshop=workshop,
        seed=config.seed,
        num_niches=config.design.num_niches,
        num_images=num_images,
    )


def count_images(data: Dataset) -> dict[str, int]:
    """Images in each split."""
    return {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}


def build_local_workspace(config: RunConfig, store: RunStore, data: Dataset, events: EventSink) -> Workspace:
    """The workspace of a run that is trained and delivered on this machine."""
    workshop = LocalWorkshop(
        store,
        config.resolve_task(),
        data,
        config.training,
        config.seed,
        events,
        command=run_command(config),
        teacher_cache=cache_folder() / "teachers",
        executor=open_executor(config, store.folder, partial(load_data, config)),
    )
    return build_workspace(config, store, workshop, count_images(data))


def drive_run(
    config: RunConfig,
    resources: Resources,
    store: RunStore,
    show: EventSink,
    ask: Ask,
    *,
    mended: Sequence[str] = (),
    open_workshop: Callable[[EventSink], Workshop] | None = None,
) -> RunOutcome:
    """Carry a locked run to its end from wherever it stands; `mended` names the records that a crash had torn.

    `open_workshop` puts another workshop in the place of this machine's.
    """

    def events(event: Event) -> None:
        store.append_event(event, datetime.now(UTC).isoformat(timespec="milliseconds"))
        show(event)

    if open_workshop is None:
        workspace = build_local_workspace(config, store, resources.data, events)
    else:
        workspace = build_workspace(config, store, open_workshop(events), count_images(resources.data))
    designer = open_designer(config, resources.chat_model)
    events(Event("run_started", _introduce(store, config, workspace, resources.data, designer)))
    if mended:
        events(Event("records_mended", {"files": list(mended)}))
    with open_checkpointer(store) as checkpointer:
        found = drive_design(config, workspace, designer, checkpointer, events)
        delivered = _drive_delivery(config, workspace, designer, found, checkpointer, events, ask)
    outcome = sum_up(store.run_id, store.folder, workspace, delivered, store.load_trace())
    events(Event("run_finished", outcome.to_dict()))
    return outcome


def sum_up(
    run_id: str, folder: Path, workspace: Workspace, delivered: Mapping[str, Any], trace: Iterable[Mapping[str, Any]]
) -> RunOutcome:
    """The outcome of a run from its workspace, the final state of its delivery and its trace."""
    from tools.pareto_status import summarize_member  # late: langchain

    front = workspace.front()
    return RunOutcome(
        run_id=run_id,
        folder=folder,
        counts=dict(Counter(trial.state for trial in workspace.trials)),
        llm=sum_usage(trace),
        front=[summarize_member(member) for member in front.members],
        hypervolume=front.hypervolume,
        winners=delivered["approved"],
        outcomes=delivered["outcomes"],
    )


def sum_usage(trace: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """What the chat model took in a run: answers, tokens read and written (where it says), and wall seconds."""
    total = {"answers": 0.0, "input_tokens": 0.0, "output_tokens": 0.0, "seconds": 0.0}
    for record in trace:
        if record["kind"] == "llm_answered":
            usage = record["data"]["usage"] or {}
            total["answers"] += 1
            total["input_tokens"] += usage.get("input_tokens", 0)
            total["output_tokens"] += usage.get("output_tokens", 0)
            total["seconds"] += record["data"]["seconds"]
    return {name: round(value, 1) if name == "seconds" else int(value) for name, value in total.items()}


def _introduce(
    store: RunStore, config: RunConfig, workspace: Workspace, data: Dataset, designer: Designer
) -> dict[str, Any]:
    task, budget = workspace.task, workspace.budget
    return {
        "run": store.run_id,
        "preset": config.preset,
        "seed": config.seed,
        "llm": config.llm.spec,
        "data": config.data.spec,
        "input": [task.height, task.width, task.channels],
        "num_classes": task.num_classes,
        "board": workspace.board.name,
        "budget": budget.model_dump(),
        "max_proposals": config.design.max_proposals,
        "max_trials": config.design.max_trials,
        "resumed": any(True for _ in store.load_trace()),
        "num_images": count_images(data),
        "data_remarks": list(data.remarks),
        "designer": designer.describe(),
        "config": config.model_dump(mode="json"),
    }


@contextmanager
def open_checkpointer(store: RunStore) -> Iterator[Any]:
    """The run's checkpoints, open while the context lasts."""
    # plain msgpack values only: a checkpoint file is data and must never construct objects of its choice
    os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
    from graphs.checkpoints import PrunedSqliteSaver  # late: a second of imports

    connection = sqlite3.connect(store.checkpoints_path, check_same_thread=False)
    try:
        yield PrunedSqliteSaver(connection)
    finally:
        connection.close()


def open_designer(config: RunConfig, chat_model: OpenedChatModel) -> Designer:
    """The designer that asks an opened chat model."""
    from graphs.designer import Designer
    from graphs.tracing import LiveAnswers

    return Designer(
        LiveAnswers(chat_model.model, config.llm.model_dump(mode="json")),
        designs_whole=chat_model.designs_whole,
        takes_masks=chat_model.takes_masks,
        is_checked=chat_model.drive == "check",
        context_tokens=chat_model.context_tokens,
    )


def build_design(
    config: RunConfig, workspace: Workspace, designer: Designer, checkpointer: Any, events: EventSink
) -> CompiledStateGraph[Any, None, Any, Any]:
    """The compiled design loop of a run."""
    from graphs.design import DesignNodes, build_design_graph

    data_name = config.data.spec.split(":", 1)[0]
    return build_design_graph(DesignNodes(designer, workspace, config.design, data_name, events), checkpointer)


def build_delivery(
    config: RunConfig, workspace: Workspace, designer: Designer, checkpointer: Any, events: EventSink
) -> CompiledStateGraph[Any, None, Any, Any]:
    """The compiled delivery of a run."""
    from graphs.delivery import DeliveryNodes, build_delivery_graph

    return build_delivery_graph(DeliveryNodes(designer, workspace, config.approve == "ask", events), checkpointer)


def drive_design(
    config: RunConfig, workspace: Workspace, designer: Designer, checkpointer: Any, events: EventSink
) -> dict[str, Any]:
    """The final state of the search, begun, continued or just read back."""
    from graphs.design import count_steps
    from graphs.design_state import start_state

    graph = build_design(config, workspace, designer, checkpointer, events)
    return _drive(graph, "design", start_state(), count_steps(config.design), _refuse_to_ask)


def _drive_delivery(
    config: RunConfig,
    workspace: Workspace,
    designer: Designer,
    found: Mapping[str, Any],
    checkpointer: Any,
    events: EventSink,
    ask: Ask,
) -> dict[str, Any]:
    from graphs.delivery import start_state

    def ask_on_record(payload: Mapping[str, Any]) -> list[str]:
        answer = ask(payload)
        events(Event("approval_answered", {"answer": answer}))
        return answer

    graph = build_delivery(config, workspace, designer, checkpointer, events)
    start = start_state(found["winners"], found["drive"], found["num_answers"])
    return _drive(graph, "delivery", start, 16, ask_on_record)


def _refuse_to_ask(payload: Mapping[str, Any]) -> list[str]:
    raise RuntimeError(f"the design loop asks nobody, yet it asked {dict(payload)}")


def _drive(
    graph: CompiledStateGraph[Any, None, Any, Any], thread: str, start: Any, steps: int, ask: Ask
) -> dict[str, Any]:
    """The graph's final state, begun, continued or just read back, whichever its checkpoint calls for."""
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
