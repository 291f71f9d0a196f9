"""The training phases of a candidate and the teacher they need, on disk under the run's training folder."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nas.architecture import Architecture, Task
from nas.datasets import Dataset
from nas.errors import CheckError, TeacherFailedError
from nas.events import Event, EventSink
from nas.export.int8_choice import Finetuned
from nas.halving import Contest
from nas.network import Network, build_network
from nas.store import RunStore, write_json
from nas.training import EpochResult, Recipe, TrainingResult, TrainingSettings
from nas.training.devices import choose_device
from nas.training.loop import train
from nas.training.quantization import Int8Network
from nas.training.teacher import teach
from nas.training.weights import load_weights, save_weights
from nas.workshop import TrainedPhase, phase_event


@dataclass(frozen=True, slots=True)
class ChosenWeights:
    """The network that goes into the delivery; `origin`: the phase of its weights and what every phase reached."""

    network: Network
    origin: dict[str, Any]


class Phases:
    """Trains candidates phase by phase; a finished phase is read back instead of trained again."""

    def __init__(
        self,
        store: RunStore,
        task: Task,
        data: Dataset,
        settings: TrainingSettings,
        seed: int,
        events: EventSink,
        teacher_cache: Path | None = None,
    ) -> None:
        self._store = store
        self._task = task
        self._data = data
        self._settings = settings
        self._seed = seed
        self._events = events
        self._teacher_cache = teacher_cache
        self._device = choose_device(settings.device)

    def mini(self, candidate_id: str, architecture: Architecture, contest: Contest | None = None) -> TrainedPhase:
        """The mini-phase, from scratch; a contest may end it early."""
        finished = self._finished(candidate_id, "mini")
        if finished is not None:
            return self._told(candidate_id, finished)
        network = build_network(architecture, self._task, seed=self._seed)
        return self._train(candidate_id, network, self._settings.mini, "mini", contest=contest)

    def full(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """The full training, from scratch."""
        network = build_network(architecture, self._task, seed=self._seed)
        return self._run(candidate_id, network, self._settings.full, "full")

    def distill(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """Distillation of the fully trained candidate (paper, eq. 9-12); needs `full` to have run.

        A teacher whose training fails is a failed outcome of it.
        """
        finished = self._finished(candidate_id, "distill")
        if finished is not None:
            return self._told(candidate_id, finished)
        network = self._load(candidate_id, architecture, "full")
        try:
            teaching = teach(
                self._data,
                self._settings.teacher,
                seed=self._seed,
                folder=self._store.folder / "training" / "teacher",
                cache=self._teacher_cache,
                on_epoch=self._announce("teacher", "teacher"),
                device=self._device,
            )
        except TeacherFailedError as error:
            self.record_failure(candidate_id, "distill", str(error))
            return self._told(candidate_id, TrainedPhase("distill", 0.0, (), 0.0, str(error)))
        recipe = self._settings.distill
        return self._run(candidate_id, network, recipe, "distill", teaching.logits, teaching.validation_accuracy)

    def finetune(self, candidate_id: str, network: Network, calibration: NDArray[np.float32]) -> Finetuned:
        """A copy of `network` trained on under int8's rounding, phase "qat"; ranges start from `calibration`.

        `calibration`: prepared images (N, H, W, C). A finished phase is its last checkpoint: other weights to start
        from would have another one.
        """
        tuned = copy.deepcopy(network)
        images = torch.from_numpy(np.ascontiguousarray(calibration.transpose(0, 3, 1, 2)))  # -> (N, C, H, W)
        phase = self._train(candidate_id, Int8Network(tuned, images), self._settings.qat, "qat")
        return Finetuned(tuned, len(phase.curve), phase.validation_accuracy, phase.failure)

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
        origin = {"weights_of_phase": chosen, "validation_accuracy": reached, "teacher_validation_accuracy": teacher}
        return ChosenWeights(self._load(candidate_id, architecture, chosen), origin)

    def is_finished(self, candidate_id: str, phase: str) -> bool:
        """Whether the phase's outcome is on disk."""
        return self._finished(candidate_id, phase) is not None

    def record_failure(self, candidate_id: str, phase: str, reason: str) -> None:
        """Leave a failed outcome of a phase that ended without leaving one itself."""
        folder = self._store.training_folder(candidate_id, phase)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "result.json", TrainedPhase(phase, 0.0, (), 0.0, reason).to_dict())

    def forget(self, candidate_id: str, phase: str) -> None:
        """Remove a phase's checkpoints once its outcome is on record elsewhere."""
        folder = self._store.training_folder(candidate_id, phase)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.is_dir() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()

    def _run(
        self,
        candidate_id: str,
        network: Network,
        recipe: Recipe,
        phase: str,
        teacher_logits: Tensor | None = None,
        teacher_accuracy: float | None = None,
    ) -> TrainedPhase:
        finished = self._finished(candidate_id, phase)
        if finished is not None:
            return self._told(candidate_id, finished)
        return self._train(candidate_id, network, recipe, phase, teacher_logits, teacher_accuracy)

    def _train(
        self,
        candidate_id: str,
        network: nn.Module,
        recipe: Recipe,
        phase: str,
        teacher_logits: Tensor | None = None,
        teacher_accuracy: float | None = None,
        contest: Contest | None = None,
    ) -> TrainedPhase:
        """Train, or go on after the last checkpoint, and leave weights and outcome."""
        folder = self._store.training_folder(candidate_id, phase)
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
            stop=None if contest is None else lambda last: contest.judge(last.epoch, last.validation_accuracy),
        )
        outcome = _outcome(phase, result, teacher_accuracy)
        save_weights(network, folder / "weights.safetensors")
        write_json(folder / "result.json", outcome.to_dict())  # last: its presence says that the phase is finished
        return self._told(candidate_id, outcome)

    def _told(self, candidate_id: str, outcome: TrainedPhase) -> TrainedPhase:
        """The outcome, on record also where a crash came between training and trace."""
        self._events(phase_event(candidate_id, outcome))
        return outcome

    def _finished(self, candidate_id: str, phase: str) -> TrainedPhase | None:
        path = self._store.training_folder(candidate_id, phase) / "result.json"
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return TrainedPhase.from_dict(record)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckError(f"{path} must hold a phase's outcome: {error!r}; remove it to train again") from error

    def _load(self, candidate_id: str, architecture: Architecture, phase: str) -> Network:
        path: Path = self._store.training_folder(candidate_id, phase) / "weights.safetensors"
        if not path.exists():
            raise CheckError(f"the {phase} phase of {candidate_id} must be finished first; {path} is missing; resume")
        network = build_network(architecture, self._task, seed=self._seed)
        load_weights(network, path)
        return network

    def _announce(self, candidate_id: str, phase: str) -> Callable[[EpochResult], None]:
        def announce(epoch: EpochResult) -> None:
            data = {"phase": phase, "candidate": candidate_id} | asdict(epoch)
            self._events(Event("progress", data, transient=True))

        return announce


def _outcome(phase: str, result: TrainingResult, teacher_accuracy: float | None) -> TrainedPhase:
    curve = tuple(asdict(epoch) for epoch in result.curve)
    parts = max((epoch.parts for epoch in result.curve), default=1)
    note = f"memory did not hold a whole batch: its gradients were summed over {parts} parts" if parts > 1 else ""
    return TrainedPhase(
        phase, result.validation_accuracy, curve, result.seconds, result.failure, teacher_accuracy, note, result.stopped
    )
