"""Training and delivery on this machine; torch and tensorflow are imported when the first work is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.architecture import Architecture, Task
from nas.events import Event, EventSink
from nas.halving import Contest
from nas.store import RunStore
from nas.workshop import Candidate, DeliveryOrder, TrainedPhase, delivery_event

if TYPE_CHECKING:
    from nas.datasets import Dataset
    from nas.phases import Phases
    from nas.training import TrainingSettings
    from nas.workers import Executor


@dataclass(frozen=True)
class LocalWorkshop:
    """Works in the run's folder; every finished phase and delivery becomes an event.

    In `teacher_cache` other runs find the logits of a teacher from outside; without it they stay in the run's folder.
    With an `executor` candidates that are given together are trained at once.
    """

    store: RunStore
    task: Task
    data: Dataset
    training: TrainingSettings
    seed: int
    events: EventSink
    command: str = ""  # what starts this very run again, for the model card
    teacher_cache: Path | None = None
    executor: Executor | None = None

    @cached_property
    def _phases(self) -> Phases:
        from nas.phases import Phases  # late: torch

        return Phases(self.store, self.task, self.data, self.training, self.seed, self.events, self.teacher_cache)

    def train_ahead(self, candidates: Sequence[Candidate]) -> None:
        """Let the executor train those that wait; `mini` reads their outcomes back."""
        waiting = [one for one in candidates if not self._phases.is_finished(one[0], "mini")]
        if self.executor is None or len(waiting) < 2:
            return
        names = ", ".join(candidate_id for candidate_id, *_ in waiting)
        self.events(Event("progress", {"phase": "mini", "step": f"training {names} at once"}, transient=True))
        for candidate_id, reason in self.executor.train(waiting).items():
            self._phases.record_failure(candidate_id, "mini", reason)

    def mini(self, candidate_id: str, architecture: Architecture, contest: Contest | None = None) -> TrainedPhase:
        """The mini-phase, from scratch; a contest may end it early."""
        return self._phases.mini(candidate_id, architecture, contest)

    def full(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """The full training, from scratch."""
        return self._phases.full(candidate_id, architecture)

    def distill(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """Distillation of the fully trained candidate."""
        return self._phases.distill(candidate_id, architecture)

    def deliver(self, order: DeliveryOrder) -> dict[str, Any]:
        """The metrics of the delivery folder, written from the better weights of full and distill."""
        from nas.delivery import deliver  # late: tensorflow
        from nas.export.int8_choice import Finetuning

        chosen = self._phases.best(order.candidate_id, order.architecture)
        self.events(Event("progress", {"phase": "export", "step": "converting"}, transient=True))
        recipes = self.training.model_dump(mode="json", exclude={"device"})
        delivery = deliver(
            chosen.network,
            order,
            self.task,
            self.data,
            training=chosen.origin,
            provenance={"command": self.command, "seed": self.seed, "recipes": recipes},
            finetuning=Finetuning(
                self.training.qat.threshold,
                lambda images: self._phases.finetune(order.candidate_id, chosen.network, images),
            ),
            events=self.events,
        )
        self.events(delivery_event(order.candidate_id, delivery.metrics))
        return delivery.metrics

    def forget(self, candidate_id: str, phase: str) -> None:
        """Remove a phase's checkpoints."""
        self._phases.forget(candidate_id, phase)
