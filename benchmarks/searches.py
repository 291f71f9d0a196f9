"""Searches as the benchmarks run them: the application's graph and tools over a workspace chosen by the benchmark."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import sqlite3
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult

from agent.chat_models.baselines import SchemaBaseline
from agent.chat_models.mask_protocol import Mask
from agent.chat_models.sampling import seeded
from graphs.checkpoints import PrunedSqliteSaver
from graphs.design.graph import DesignNodes, build_design_graph, count_steps
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from nas.cost import Budget
from nas.cost.board import find_board
from nas.datasets import load_dataset
from nas.errors import NoLegalCandidateError
from nas.events import Event
from nas.records.run_events import LlmAnswered, NodeFinished
from nas.records.run_store import RunStore
from nas.search.masks import DesignMask, EditMask
from nas.search.niches import find_niche, split_niches
from nas.search.pareto import find_front
from nas.search.trial import Trial
from nas.space.architecture import Architecture, Task
from nas.space.search_space import STAGE_FIELDS, Edit, SearchSpace
from nas.statistics import half_width_of_mean
from nas.training import DistillRecipe, Recipe, TeacherSettings, TrainingSettings
from nas.workspace.local_executor import LocalExecutor
from nas.workspace.workspace import Workspace

NUM_NICHES = 6


@dataclass(frozen=True)
class Setting:
    """What is searched: space, task, budget and board."""

    space: SearchSpace
    task: Task
    budget: Budget
    board: str


@dataclass
class Recorder:
    """Collects figures from a search's events."""

    model_calls: int = 0
    answers: int = 0
    propose_seconds: float = 0.0
    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, LlmAnswered):
            self.answers += 1
            self.model_calls += event.metadata.get("model_calls", 0)
        if isinstance(event, NodeFinished) and event.node == "propose":
            self.propose_seconds += event.seconds


class PricedWorkspace(Workspace):
    """Trains nothing: a candidate's accuracy is a stand-in that grows with MACs and parameters, plus some noise.

    It only gives the search a front to take parents from; it must not be read as a figure of merit.
    """

    def mini_train(self, candidate_id: str) -> Trial:
        trial = self.judge(candidate_id)
        if trial.state != "proposed":
            return trial
        costs = trial.priced
        noise = random.Random(trial.fingerprint).gauss(0, 0.03)
        accuracy = 0.05 * math.log10(costs.macs) + 0.05 * math.log10(costs.params) + noise
        return self._settle(replace(trial, state="trained", validation_accuracy=accuracy))


class MaskedBaseline(SchemaBaseline):
    """Uniform draws, choice by choice, among what the tool's mask offers: a mask's effect without a language model."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        *,
        masks: Mapping[str, Mask] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> ChatResult:
        if not masks:
            return super()._generate(messages, stop, run_manager, seed=seed, **kwargs)
        ((name, mask),) = masks.items()
        rng = seeded(self.seed, seed)
        arguments = draw_edits(mask, rng) if isinstance(mask, EditMask) else draw_design(mask, rng)
        call = tool_call(name=name, args=arguments, id=f"call_{seed}")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content="", tool_calls=[call]))])


def same_everywhere(recipe: Mapping[str, Any]) -> TrainingSettings:
    """Training settings for searches that end before the delivery: one recipe for all phases, a tiny teacher."""
    tiny = {"image_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2}
    return TrainingSettings(
        mini=Recipe.model_validate(recipe),
        full=Recipe.model_validate(recipe),
        distill=DistillRecipe.model_validate(recipe),
        teacher=TeacherSettings.model_validate({**recipe, **tiny}),
    )


def draw_edits(mask: EditMask, rng: random.Random) -> dict[str, Any]:
    edits: list[Edit] = []
    while True:
        options, may_end = mask.options(edits)
        if may_end and (not options or rng.random() < 0.5):
            candidate = mask.narrow("")["properties"]["candidate_id"]["const"]
            return {"candidate_id": candidate, "edits": [edit.to_dict() for edit in edits]}
        edits.append(rng.choice(options))


def draw_design(mask: Any, rng: random.Random) -> dict[str, Any]:
    if not isinstance(mask, DesignMask):
        raise TypeError(f"a mask must be of edits or of designs; got {type(mask).__name__}")
    stages: list[dict[str, Any]] = []
    while len(stages) < mask.num_stages:
        stage: dict[str, Any] = {}
        for name in STAGE_FIELDS:
            stage[name] = rng.choice(mask.options(stages, stage))
        stages.append(stage)
    return {"stages": stages}


def run_search(
    folder: Path,
    setting: Setting,
    designer: Designer,
    settings: DesignSettings,
    seed: int,
    *,
    training: TrainingSettings,
    trained: bool,
    start: Architecture | None = None,
) -> tuple[Workspace, Recorder]:
    """One search to its end; `start` is trained first, as candidate c001, and does not count as a proposal."""
    recorder = Recorder()
    with RunStore.create(folder, f"run-{len(list(folder.iterdir()))}", {}) as store:
        workspace = (Workspace if trained else PricedWorkspace)(
            store=store,
            space=setting.space,
            task=setting.task,
            budget=setting.budget,
            board=find_board(setting.board),
            executor=LocalExecutor(
                store.training_folder,
                setting.task,
                load_dataset("digits", validation_fraction=0.2, seed=seed),
                training,
                seed,
                recorder,
            ),
            seed=seed,
            events=recorder,
            num_niches=NUM_NICHES,
        )
        state = start_state()
        if start is not None:
            workspace.mini_train(workspace.open_proposal(1).design(start.to_dict()).id)
            state.update(number=1, num_trained=1)
        nodes = DesignNodes(designer, workspace, settings, "digits" if trained else "cifar100", recorder)
        connection = sqlite3.connect(store.checkpoints_path, check_same_thread=False)
        try:
            graph = build_design_graph(nodes, PrunedSqliteSaver(connection))
            config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": count_steps(settings)}
            with contextlib.suppress(NoLegalCandidateError):  # a valid result: its yield is 0
                graph.invoke(state, config, durability="sync")
        finally:
            connection.close()
    return workspace, recorder


def measure_diversity(accepted: Sequence[Trial], setting: Setting) -> dict[str, float]:
    """Mean share of stage fields in which two accepted networks differ, and the number of niches that hold one."""
    stem = setting.task.stem_channels
    forms = [trial.architecture.canonical(stem) for trial in accepted if trial.architecture]
    pairs = list(itertools.combinations(forms, 2))
    niches = split_niches(setting.budget, NUM_NICHES)
    filled = {find_niche(niches, trial.priced.macs) for trial in accepted}
    return {
        "distance": statistics.mean(_distance(first, second) for first, second in pairs) if pairs else 0.0,
        "niches": len(filled),
    }


def _distance(first: Architecture, second: Architecture) -> float:
    stages = list(zip(first.stages, second.stages, strict=True))
    differ = sum(getattr(a, name) != getattr(b, name) for a, b in stages for name in STAGE_FIELDS)
    return differ / (len(stages) * len(STAGE_FIELDS))


def count_states(trials: Sequence[Trial]) -> dict[str, int]:
    """How many trials ended in each state."""
    return dict(Counter(trial.state for trial in trials))


def spread(values: Sequence[float]) -> str:
    """`[min, max] mean`, as the paper's Table III writes it."""
    return f"[{min(values):.2f}, {max(values):.2f}] {statistics.mean(values):.2f}" if values else "-"


def spread_front(trials: Sequence[Trial]) -> dict[str, str | int]:
    """Front size and, over the front, accuracy in percent, MACs and parameters in millions."""
    front = find_front(trials)
    return {
        "front": len(front),
        "accuracy %": spread([100 * (member.validation_accuracy or 0) for member in front]),
        "MACs M": spread([member.priced.macs / 1e6 for member in front]),
        "params M": spread([member.priced.params / 1e6 for member in front]),
    }


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean over seeds and the half width of its 95% t interval (0 for one seed)."""
    return {"mean": round(statistics.mean(values), 4), "ci95": round(half_width_of_mean(values) or 0.0, 4)}
