"""Training and export on this machine: in this process, and in worker processes for candidates given together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets import Dataset
from nas.events import EventSink, Progress
from nas.export.export_order import Exported, ExportOrder
from nas.export.metrics import Provenance
from nas.space.architecture import Task
from nas.training import Finetuned, TrainingJob, TrainingSettings
from nas.training.phases import Phases
from nas.training.workers import WorkerPool


class LocalExecutor(Phases):
    """The phases of training, worker processes and the export; needs torch, and tensorflow once it exports.

    With a `pool`, candidates given together are trained at once. `command` starts this very run again and is printed on
    the model card.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        data: Dataset,
        settings: TrainingSettings,
        seed: int,
        progress: EventSink,
        *,
        teacher_cache: Path | None = None,
        pool: WorkerPool | None = None,
        command: str = "",
    ) -> None:
        super().__init__(folder, task, data, settings, seed, progress, teacher_cache)
        self._pool = pool
        self._command = command

    def train_together(self, jobs: Sequence[TrainingJob]) -> None:
        """Let the pool train the jobs that are not finished; `train` reads their outcomes back."""
        waiting = [job for job in jobs if not self.is_finished(job.candidate_id, job.phase)]
        if self._pool is None or len(waiting) < 2:
            return
        names = ", ".join(job.candidate_id for job in waiting)
        self._progress(Progress("mini", f"training {names} at once"))
        phases = {job.candidate_id: job.phase for job in waiting}
        for candidate_id, reason in self._pool.train(waiting).items():
            self.record_failure(candidate_id, phases[candidate_id], reason)

    def export(self, order: ExportOrder) -> Exported:
        """The metrics of the delivery folder, written from the better weights of full and distill."""
        from nas.export.delivery import export  # late: tensorflow
        from nas.export.int8_choice import Finetuning

        chosen = self.best(order.candidate_id, order.architecture)
        tried: list[Finetuned] = []

        def finetune(images: NDArray[np.float32]) -> Finetuned:
            tried.append(self.finetune(order.candidate_id, chosen.network, images))
            return tried[-1]

        self._progress(Progress("export", "converting"))
        recipes = self._settings.model_dump(mode="json", exclude={"device"})
        delivery = export(
            chosen.network,
            order,
            self._task,
            self._data,
            training=chosen.origin,
            provenance=Provenance(self._command, self._seed, recipes),
            finetuning=Finetuning(self._settings.qat.threshold, finetune),
            events=self._progress,
        )
        return Exported(delivery.metrics, tried[0].outcome if tried else None)
