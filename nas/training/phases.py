"""The training phases of a candidate and the teacher they need, each in a folder of its own."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.datasets import Dataset
from nas.documents.atomic_files import write_json
from nas.errors import CheckError, TeacherFailedError
from nas.events import EventSink
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Task
from nas.training import EpochResult, Recipe, TrainingResult, TrainingSettings
from nas.training.devices import choose_device
from nas.training.jobs import Finetuned, JobPhase, StopRule, TrainedPhase, TrainingJob
from nas.training.loop import train
from nas.training.phase_events import EpochFinished
from nas.training.quantization import Int8Network
from nas.training.results import TrainingOrigin
from nas.training.teacher import teach
from nas.training.weights import load_weights, save_weights

RESULT_FILE = "result.json"


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """The network that goes into the delivery, and where its weights come from."""

    network: Network
    origin: TrainingOrigin


class Phases:
    """Trains candidates phase by phase in `folder`; a finished phase is read back instead of trained again.

    `progress` receives every epoch as a transient event. `teacher_cache` shares the logits of an external teacher with
    other runs; without it they stay in the folder.
    """

    def __init__(
        self,
        folder: Path,
        task: Task,
        data: Dataset,
        settings: TrainingSettings,
        seed: int,
        progress: EventSink,
        teacher_cache: Path | None = None,
    ) -> None:
        self._folder = folder
        self._task = task
        self._data = data
        self._settings = settings
        self._seed = seed
        self._progress = progress
        self._teacher_cache = teacher_cache
        self._device = choose_device(settings.device)

    def train(self, job: TrainingJob) -> TrainedPhase:
        """The outcome of the job's phase; "distill" (paper, eq. 9-12) needs "full" to have run.

        A loss that turns NaN or infinite, insufficient memory and a teacher whose training fails are outcomes.
        """
        finished = self._finished(job.candidate_id, job.phase)
        if finished is not None:
            return finished
        if job.phase == "distill":
            return self._distill(job)
        network = build_network(job.architecture, self._task, seed=self._seed)
        recipe = self._settings.mini if job.phase == "mini" else self._settings.full
        return self._train(job.candidate_id, network, recipe, job.phase, stop_rule=job.stop_rule)

    def _distill(self, job: TrainingJob) -> TrainedPhase:
        network = self._load(job.candidate_id, job.architecture, "full")
        try:
            teaching = teach(
                self._data,
                self._settings.teacher,
                seed=self._seed,
                folder=self._folder / "teacher",
                cache=self._teacher_cache,
                on_epoch=self._announce("teacher", "teacher"),
                device=self._device,
            )
        except TeacherFailedError as error:
            return self.record_failure(job.candidate_id, "distill", str(error))
        return self._train(
            job.candidate_id,
            network,
            self._settings.distill,
            "distill",
            teacher_logits=teaching.logits,
            teacher_accuracy=teaching.validation_accuracy,
        )

    def finetune(self, candidate_id: str, network: Network, calibration: NDArray[np.float32]) -> Finetuned:
        """A copy of `network` trained further under int8's rounding, phase "qat"; ranges start from `calibration`.

        `calibration`: prepared images (N, H, W, C). A finished phase is recognized by its last checkpoint: different
        starting weights would have a different one.
        """
        tuned = copy.deepcopy(network)
        images = torch.from_numpy(np.ascontiguousarray(calibration.transpose(0, 3, 1, 2)))  # -> (N, C, H, W)
        outcome = self._train(candidate_id, Int8Network(tuned, images), self._settings.qat, "qat")
        return Finetuned(tuned, outcome)

    def best(self, candidate_id: str, architecture: Architecture) -> ChosenWeights:
        """The weights with the better validation accuracy of full and distill, distill on a tie."""
        finished = [phase for name in ("distill", "full") if (phase := self._finished(candidate_id, name))]
        usable = [phase for phase in finished if not phase.failure]
        if not usable:
            failed = "; ".join(f"its {phase.phase} phase failed: {phase.failure}" for phase in reversed(finished))
            found = failed or "it has no finished full training; train it"
            raise CheckError(f"export needs a trained candidate, and {candidate_id} is none: {found}")
        chosen = max(usable, key=lambda phase: phase.validation_accuracy).phase
        reached = {phase.phase: phase.validation_accuracy for phase in usable}
        teacher = next((phase.teacher_accuracy for phase in finished if phase.teacher_accuracy is not None), None)
        return ChosenWeights(self._load(candidate_id, architecture, chosen), TrainingOrigin(chosen, reached, teacher))

    def is_finished(self, candidate_id: str, phase: JobPhase) -> bool:
        """Whether the phase's outcome is on disk."""
        return self._finished(candidate_id, phase) is not None

    def record_failure(self, candidate_id: str, phase: JobPhase, reason: str) -> TrainedPhase:
        """The failed outcome of a phase that ended without leaving one itself, written to disk."""
        outcome = TrainedPhase.failed(phase, reason)
        folder = self._phase_folder(candidate_id, phase)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RESULT_FILE, outcome.to_dict())
        return outcome

    def forget(self, candidate_id: str, phase: JobPhase) -> None:
        """Remove a phase's checkpoints once its outcome is on record elsewhere."""
        folder = self._phase_folder(candidate_id, phase)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.is_dir() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()

    def _phase_folder(self, candidate_id: str, phase: str) -> Path:
        return self._folder / candidate_id / phase

    def _train(
        self,
        candidate_id: str,
        network: nn.Module,
        recipe: Recipe,
        phase: str,
        *,
        teacher_logits: Tensor | None = None,
        teacher_accuracy: float | None = None,
        stop_rule: StopRule | None = None,
    ) -> TrainedPhase:
        """Train, or resume from the last checkpoint, and save weights and outcome."""
        folder = self._phase_folder(candidate_id, phase)
        folder.mkdir(parents=True, exist_ok=True)
        result = train(
            network,
            self._data,
            self._task,
            recipe,
            phase=phase,
            seed=self._seed,
            folder=folder,
            on_epoch=self._announce(candidate_id, phase),
            teacher_logits=teacher_logits,
            device=self._device,
            stop=None if stop_rule is None else lambda last: stop_rule.judge(last.epoch, last.validation_accuracy),
        )
        outcome = _outcome(phase, result, teacher_accuracy)
        save_weights(network, folder / "weights.safetensors")
        write_json(folder / RESULT_FILE, outcome.to_dict())  # last: its presence says that the phase is finished
        return outcome

    def _finished(self, candidate_id: str, phase: str) -> TrainedPhase | None:
        path = self._phase_folder(candidate_id, phase) / RESULT_FILE
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return TrainedPhase.from_dict(record)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckError(f"{path} must hold a phase's outcome: {error!r}; remove it to train again") from error

    def _load(self, candidate_id: str, architecture: Architecture, phase: str) -> Network:
        path: Path = self._phase_folder(candidate_id, phase) / "weights.safetensors"
        if not path.exists():
            raise CheckError(f"the {phase} phase of {candidate_id} must be finished first; {path} is missing; resume")
        network = build_network(architecture, self._task, seed=self._seed)
        load_weights(network, path)
        return network

    def _announce(self, candidate_id: str, phase: str) -> Callable[[EpochResult], None]:
        def announce(epoch: EpochResult) -> None:
            self._progress(EpochFinished(phase, candidate_id, epoch))

        return announce


def _outcome(phase: str, result: TrainingResult, teacher_accuracy: float | None) -> TrainedPhase:
    parts = max((epoch.parts for epoch in result.curve), default=1)
    note = f"memory did not hold a whole batch: its gradients were summed over {parts} parts" if parts > 1 else ""
    return TrainedPhase(
        phase,
        result.validation_accuracy,
        result.curve,
        result.seconds,
        result.failure,
        teacher_accuracy,
        note,
        result.stopped,
    )
