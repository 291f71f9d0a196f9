"""The expensive work of a run behind one interface: done here, in worker processes, or taken from records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nas.export.export_order import Exported, ExportOrder
from nas.training.jobs import JobPhase, TrainedPhase, TrainingJob


class Executor(Protocol):
    """Trains and exports candidates. Every method may be repeated: finished work is returned, not done again."""

    def train_together(self, jobs: Sequence[TrainingJob]) -> None:
        """Run these trainings at once where possible; `train` then finds them done."""

    def train(self, job: TrainingJob) -> TrainedPhase:
        """The outcome of a training."""

    def export(self, order: ExportOrder) -> Exported:
        """Write the delivery folder of a trained candidate."""

    def forget(self, candidate_id: str, phase: JobPhase) -> None:
        """Remove what a phase left behind once its outcome is on record elsewhere."""
