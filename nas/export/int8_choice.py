"""Which int8 model is delivered: that of the network as trained or, where it loses too much, of a fine-tuned copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.datasets.images import Dataset, Split, draw_stratified
from nas.export.metrics import FinetuningFigures, QuantizationChoice, ValidationAccuracies
from nas.export.scoring import answer_split
from nas.export.tflm import ArenaMeasurement
from nas.space.architecture import Task
from nas.training.jobs import Finetuned

if TYPE_CHECKING:
    from nas.network.network import Network

# A large network is slow in TFLM's reference kernels. Where only one of the two models is right on 2% of the images,
# the standard error of their difference is sqrt(0.02 / 2000) = 0.3 points.
MOST_IMAGES = 2000
DRAW_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """A network and its int8 model, known to fit. `arena_bytes` is what the 32-bit MCU needs."""

    network: Network
    model: bytes
    measured: ArenaMeasurement
    arena_bytes: int


@dataclass(frozen=True, slots=True)
class Finetuning:
    """When fine-tuning is done, and how.

    `threshold` is the tolerated loss of validation accuracy (fraction). `run` takes the calibration images, float32 (N,
    H, W, C), and leaves the network it starts from unchanged.
    """

    threshold: float
    run: Callable[[NDArray[np.float32]], Finetuned]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Correct answers of float and int8 on the same `num_images`."""

    num_images: int
    float_right: int
    int8_right: int

    def exceeds(self, threshold: float) -> bool:
        """Whether int8 loses more than the threshold; counted in images, so that exactly that loss does not."""
        return self.float_right - self.int8_right > threshold * self.num_images + 1e-9

    def accuracies(self) -> ValidationAccuracies:
        """Both as fractions."""
        return ValidationAccuracies(self.float_right / self.num_images, self.int8_right / self.num_images)


def choose_int8(
    start: Converted,
    convert: Callable[[Network], Converted],
    finetuning: Finetuning,
    calibration: NDArray[np.float32],
    dataset: Dataset,
    task: Task,
    tell: Callable[..., None],
) -> tuple[Converted, QuantizationChoice]:
    """What to deliver, and the record of the decision, which rests on validation images alone.

    If `start` loses no more than the threshold, it is kept. Otherwise fine-tuning runs once, its network is converted,
    and the int8 model with more correct answers is kept, `start` on a tie or a failure. `calibration` as in
    `Finetuning.run`.
    """
    split = _draw(dataset.validation)

    def compare(one: Converted) -> Comparison:
        arena_bytes = one.measured.total_bytes
        answers = answer_split(one.network, one.model, arena_bytes, split, dataset, task, tell, name="validation")
        int8_answers = answers.int8_logits.argmax(axis=1)
        return Comparison(
            num_images=len(split),
            float_right=int(np.count_nonzero(answers.float_answers == split.labels)),
            int8_right=int(np.count_nonzero(int8_answers == split.labels)),
        )

    before = compare(start)
    told = QuantizationChoice(len(split), finetuning.threshold, before.accuracies(), finetuning=None, kept="as trained")
    if not before.exceeds(finetuning.threshold):
        return start, told
    tell("int8 loses too much: fine-tuning for it")
    tuned = finetuning.run(calibration)
    outcome = tuned.outcome
    figures = FinetuningFigures(len(outcome.curve), outcome.validation_accuracy, outcome.failure, after=None)
    if outcome.failure:
        return start, replace(told, finetuning=figures)
    tell("converting the fine-tuned network to int8")
    second = convert(tuned.network)
    after = compare(second)
    told = replace(told, finetuning=replace(figures, after=after.accuracies()))
    if after.int8_right > before.int8_right:
        return second, replace(told, kept="fine-tuned")
    return start, told


def _draw(validation: Split) -> Split:
    """The whole split, or `MOST_IMAGES` of it, stratified by class."""
    if len(validation) <= MOST_IMAGES:
        return validation
    return validation.take(draw_stratified(validation.labels, MOST_IMAGES, DRAW_SEED))
