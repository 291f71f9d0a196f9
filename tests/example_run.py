"""A finished run that is the same on every machine: the real graphs, a scripted designer, and made-up training results.

Nothing is trained: `FIGURES` are the accuracies of the mini-phases. All costs are the estimators' own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metrics_examples import make_metrics
from search_examples import make_stage

from agent.chat_models.registry import OpenedChatModel
from agent.chat_models.scripted import ScriptedChatModel
from agent.config import RunConfig, resolve_config
from agent.running.resources import Resources
from agent.running.runner import create_run, drive_run, open_run
from agent.running.tracking import Tracker
from agent.terminal.run_session import save_records
from nas.cost import sample_feasible
from nas.datasets import load_dataset
from nas.events import ignore_events
from nas.export.export_order import Exported, ExportOrder
from nas.records.run_store import RunStore
from nas.space.architecture import Architecture
from nas.training import EpochResult, TrainedPhase, TrainingJob

Call = tuple[str, dict[str, Any]]

EPOCHS = 5


def mb(out: int, kernel: int, stride: int, expansion: int, **fields: object) -> dict[str, object]:
    return make_stage(
        block="MBConv", out_channels=out, kernel_size=kernel, stride=stride, expansion=expansion, **fields
    )


def dw(out: int, kernel: int, stride: int, **fields: object) -> dict[str, object]:
    return make_stage(out_channels=out, kernel_size=kernel, stride=stride, **fields)


def whole(*stages: dict[str, object]) -> Call:
    return "propose_architecture", {"stages": list(stages)}


def edit(parent: str, *edits: tuple[int, str, object]) -> Call:
    made = [{"stage": stage, "field": field, "value": value} for stage, field, value in edits]
    return "edit_architecture", {"candidate_id": parent, "edits": made}


FIRST = (
    dw(24, 3, 2, skip=True, num_blocks=2),
    mb(32, 3, 1, 3, se_ratio=0.25, skip=True, num_blocks=2),
    mb(64, 3, 2, 3, skip=True, num_blocks=2),
)
SMALL = (dw(16, 5, 2), dw(48, 3, 2, num_blocks=4, skip=True), mb(64, 3, 1, 4, se_ratio=0.25))
TOO_LARGE = (mb(32, 5, 1, 6, activation="swish"), mb(48, 3, 2, 4), dw(64, 3, 2))

PROPOSALS: tuple[Call, ...] = (
    whole(*FIRST),  # c001
    whole(*TOO_LARGE),  # c002: too much memory
    whole({**FIRST[0], "kernel_size": 4}, *FIRST[1:]),  # c003: outside the space
    whole(*SMALL),  # c004
    edit("c001", (1, "expansion", 6), (3, "num_blocks", 2)),  # c005: the same network as c001
    edit("c001", (2, "kernel_size", 5), (3, "out_channels", 96)),  # c006
    edit("c006", (2, "num_blocks", 6), (3, "num_blocks", 6), (2, "expansion", 6)),  # c007: far too large
    edit("c006", (3, "num_blocks", 1), (2, "se_ratio", 0)),  # c008
    edit("c004", (3, "out_channels", 96), (1, "kernel_size", 7)),  # c009
    edit("c008", (1, "kernel_size", 5), (3, "activation", "leaky_relu")),  # c010: diverges
    edit("c006", (3, "num_blocks", 3), (3, "se_ratio", 0.25)),  # c011
    edit("c011", (1, "out_channels", 48), (2, "activation", "swish")),  # c012: exceeds both
)
FIGURES = {"c001": 0.9514, "c004": 0.9306, "c006": 0.9722, "c008": 0.9653, "c009": 0.9201, "c010": 0.0, "c011": 0.9792}


class MadeUpExecutor:
    """Results instead of training: known accuracies, smooth curves, a delivery without files."""

    def __init__(self, figures: dict[str, float] | None = None) -> None:
        self._figures = FIGURES if figures is None else figures

    def train_together(self, jobs: Sequence[TrainingJob]) -> None:
        pass

    def train(self, job: TrainingJob) -> TrainedPhase:
        accuracy = self._accuracy(job.candidate_id, job.architecture)
        if job.phase == "full":
            accuracy += 0.0104
        elif job.phase == "distill":
            accuracy += 0.0035
        return self._finish(job, accuracy, 0.9896 if job.phase == "distill" else None)

    def export(self, order: ExportOrder) -> Exported:
        metrics = make_metrics(order)
        order.folder.mkdir(parents=True, exist_ok=True)
        (order.folder / "EXPLANATION.md").write_text(order.explanation, encoding="utf-8")
        return Exported(metrics)

    def forget(self, candidate_id: str, phase: str) -> None:
        pass

    def _accuracy(self, candidate_id: str, architecture: Architecture) -> float:
        if candidate_id in self._figures:
            return self._figures[candidate_id]
        return 0.85 + int(architecture.fingerprint(16)[:4], 16) % 1000 / 1e4

    def _finish(self, job: TrainingJob, accuracy: float, teacher: float | None) -> TrainedPhase:
        diverged = accuracy == 0
        curve = tuple(
            EpochResult(
                epoch=epoch,
                epochs=EPOCHS,
                loss=round(2.3 / epoch, 4),
                learning_rate=0.1,
                validation_accuracy=round(accuracy * (1 - 0.5 ** (2 * epoch)), 4) if epoch < EPOCHS else accuracy,
                seconds=0.5,
            )
            for epoch in range(1, 2 if diverged else EPOCHS + 1)
        )
        failure, stopped = "the loss was no longer a number" if diverged else "", ""
        for result in curve[:-1] if job.stop_rule else ():
            stopped = job.stop_rule.judge(result.epoch, result.validation_accuracy)
            if stopped:
                curve, accuracy = curve[: result.epoch], result.validation_accuracy
                break
        return TrainedPhase(job.phase, accuracy, curve, 0.5 * len(curve), failure, teacher, stopped=stopped)


def says(*calls: Call, content: str = "") -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "args": arguments} for name, arguments in calls], "content": content}


def finish_run(
    root: Path,
    answers: list[dict[str, Any]],
    *,
    run_id: str = "example",
    figures: dict[str, float] | None = None,
    **settings: object,
) -> RunStore:
    """A closed run of the quick preset, carried to its end (or to the error it raises)."""
    changed = [f"{name.replace('__', '.')}={value}" for name, value in settings.items()]
    config = resolve_config("quick", settings=["llm.spec=scripted:example", *changed])
    with create_run(config, root, run_id) as store:
        tracker = Tracker(config, store)
        run = open_run(
            config,
            prepare_resources(config, answers),
            store,
            ignore_events,
            tracker=tracker,
            open_executor=lambda: MadeUpExecutor(figures),
        )
        drive_run(run, lambda payload: list(payload["winners"]))
        if config.tracking.mlflow:
            save_records(store, tracker, has_ended=True)
    return store


def prepare_resources(config: RunConfig, answers: list[dict[str, Any]]) -> Resources:
    data = load_dataset("digits", validation_fraction=config.data.validation_fraction, seed=config.seed)
    return Resources(data, OpenedChatModel(ScriptedChatModel(answers=answers), "scripted:example"))


def build_example_run(root: Path, **settings: object) -> RunStore:
    """The run of PROPOSALS."""
    answers = [says(proposal) for proposal in PROPOSALS]
    return finish_run(root, answers, design__max_proposals=len(PROPOSALS), design__max_trials=20, **settings)


def draw_answers(count: int) -> list[dict[str, Any]]:
    """Proposals for the quick preset: two in three drawn from the legal ones, the others from the whole space."""
    config, rng = resolve_config("quick"), random.Random(8)
    space, task, budget = config.resolve_space(), config.resolve_task(), config.resolve_budget()
    answers = []
    for number in range(count):
        drawn = space.sample(rng) if number % 3 == 0 else sample_feasible(space, task, budget, rng)
        answers.append(says(("propose_architecture", drawn.to_dict())))
    return answers
