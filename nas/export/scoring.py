"""How accurate a network is: float and int8 answers on a whole split, overall and class by class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nas.datasets.images import Dataset, Images, Split
from nas.export.metrics import ClassFigures
from nas.export.tflite import read_quantization
from nas.export.tflm import predict
from nas.space.architecture import Task

if TYPE_CHECKING:
    from nas.network.network import Network

CHUNK_IMAGES = 256  # images held in memory as float at a time


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Top-1 accuracies on a split, and the share of images on which float and int8 agree, as fractions."""

    float_accuracy: float
    int8_accuracy: float
    agreement: float


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Top-1 answers (N,) of the float network in torch, and the int8 logits (N, classes) of TFLM."""

    float_answers: NDArray[np.int64]
    int8_logits: NDArray[np.int8]
    labels: NDArray[np.int64]

    def accuracies(self) -> Accuracies:
        """How often each is right, and how often they agree."""
        int8_answers = self.int8_logits.argmax(axis=1)
        return Accuracies(
            float_accuracy=float(np.mean(self.float_answers == self.labels)),
            int8_accuracy=float(np.mean(int8_answers == self.labels)),
            agreement=float(np.mean(self.float_answers == int8_answers)),
        )

    def per_class(self, class_names: tuple[str, ...]) -> tuple[ClassFigures, ...]:
        """Both accuracies of every class with test images, and how much int8 loses; the largest drop first."""
        int8_answers = self.int8_logits.argmax(axis=1)
        rows = []
        for label, name in enumerate(class_names):
            own = self.labels == label
            if own.any():
                right, kept = np.mean(self.float_answers[own] == label), np.mean(int8_answers[own] == label)
                rows.append(ClassFigures(name, int(own.sum()), float(right), float(kept), drop=float(right - kept)))
        return tuple(sorted(rows, key=lambda row: -row.drop))


def prepare(images: Images, dataset: Dataset, task: Task) -> NDArray[np.float32]:
    """Images as in training, but in TFLite's order: (N, H, W, C) float32."""
    from nas.datasets.preprocess import prepare_images  # late: torch

    prepared = prepare_images(images, task.height, task.width, dataset.mean, dataset.std)  # (N, C, H, W)
    return np.ascontiguousarray(prepared.permute(0, 2, 3, 1).numpy())


def answer_split(
    network: Network,
    model: bytes,
    arena_bytes: int,
    split: Split,
    dataset: Dataset,
    task: Task,
    tell: Callable[..., None],
    *,
    name: str,
) -> Answers:
    """Answers on the whole `split` of `dataset`, the int8 ones in an arena of `arena_bytes`: proof that it is enough.

    `tell(step, done, total)` is called as the work progresses; `name` is what it calls the split.
    """
    from nas.training.prediction import predict_logits  # late: torch

    tell(f"running the float network on the {name} split")
    float_answers = predict_logits(network, split.images, dataset, task).numpy().argmax(axis=1)
    input_quantization, _ = read_quantization(model)
    integers = np.empty((len(split), task.height, task.width, task.channels), np.int8)
    for start in range(0, len(split), CHUNK_IMAGES):  # the whole split as float would be four times as large
        chunk = slice(start, start + CHUNK_IMAGES)
        integers[chunk] = input_quantization.quantize(prepare(split.images[chunk], dataset, task))

    def on_progress(done: int, total: int) -> None:
        tell(f"running the {name} split in TFLM", done, total)

    logits = predict(model, integers, arena_bytes=arena_bytes, on_progress=on_progress)
    return Answers(float_answers, logits, split.labels)
