"""What training leaves behind besides weights: its curve and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nas.documents.json_records import LEFT_OUT


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One finished epoch, counted from 1 of `epochs`.

    `loss` is the mean training loss, `learning_rate` that of the epoch's first step, `validation_accuracy` a fraction
    after the epoch, `seconds` wall time of the epoch with its validation. With `parts` above 1 memory did not hold a
    whole batch: gradients were summed over that many parts of it (batch norm then sees a part at a time).
    """

    epoch: int
    epochs: int
    loss: float
    learning_rate: float
    validation_accuracy: float
    seconds: float
    parts: int = 1


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A phase's outcome. `validation_accuracy` is a fraction, of the weights after the last epoch.

    No epoch is picked by its validation accuracy: the best of many noisy figures flatters the network. `seconds` is the
    sum over the curve, interrupted parts included. `failure` says why the phase ended without usable weights (a NaN or
    infinite loss, out of memory, out of time), else it is empty; then the curve ends with the last whole epoch and the
    accuracy is 0. `stopped` says why a phase ended early without failing.
    """

    curve: tuple[EpochResult, ...]
    validation_accuracy: float
    seconds: float
    failure: str = ""
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class TrainingOrigin:
    """Where a network's weights come from: their phase, and the validation accuracy (fraction) of every phase so far.

    `teacher_validation_accuracy` is None without a teacher. Weights of the phase "qat" were fine-tuned for int8 from
    those of `finetuned_from_phase`, which is "" for others.
    """

    weights_of_phase: str
    validation_accuracy: Mapping[str, float]
    teacher_validation_accuracy: float | None = None
    finetuned_from_phase: str = field(default="", metadata=LEFT_OUT)

    def finetuned(self, accuracy: float) -> TrainingOrigin:
        """The origin of the weights after fine-tuning for int8, which reached `accuracy`."""
        return replace(
            self,
            weights_of_phase="qat",
            validation_accuracy={**self.validation_accuracy, "qat": accuracy},
            finetuned_from_phase=self.weights_of_phase,
        )
