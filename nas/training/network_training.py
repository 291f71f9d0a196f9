"""Training one network outside a run: by a recipe from its present weights, or further under int8's rounding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nas.datasets import Dataset
from nas.network.network import Network
from nas.training import EpochResult, Finetuned, QuantizationRecipe, Recipe, TrainedPhase, TrainingResult
from nas.training.devices import choose_device
from nas.training.loop import train
from nas.training.quantization import Int8Network


def train_network(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str = "auto",
    folder: Path | None = None,
    on_epoch: Callable[[EpochResult], None] = lambda _: None,
) -> TrainingResult:
    """The curve and final validation accuracy (fraction) of `network`, trained in place by `recipe`.

    With a `folder`, every epoch leaves a checkpoint there, and the same call resumes from the last one. `on_epoch` is
    called for each epoch. `device` is auto, cpu or cuda; the network is back on the CPU afterwards. A training that
    failed says so in the result's `failure`; raises SettingError for cuda without a CUDA device.
    """
    return train(
        network,
        dataset,
        network.task,
        recipe,
        phase="full",
        seed=seed,
        folder=folder,
        on_epoch=on_epoch,
        device=choose_device(device),
    )


def finetune_network(
    network: Network, dataset: Dataset, recipe: QuantizationRecipe, calibration: NDArray[np.float32], *, seed: int = 0
) -> Finetuned:
    """A copy of `network` trained further for int8; ranges start from `calibration`, prepared images (N, H, W, C)."""
    tuned = copy.deepcopy(network)
    images = torch.from_numpy(np.ascontiguousarray(calibration.transpose(0, 3, 1, 2)))  # -> (N, C, H, W)
    result = train(
        Int8Network(tuned, images),
        dataset,
        network.task,
        recipe,
        phase="qat",
        seed=seed,
        folder=None,
        on_epoch=lambda _: None,
        device=choose_device("auto"),
    )
    outcome = TrainedPhase("qat", result.validation_accuracy, result.curve, result.seconds, result.failure)
    return Finetuned(tuned, outcome)
