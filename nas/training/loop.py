"""The one training loop: mini, full, distill and the teacher differ in their recipe alone."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nas.architecture import Task
from nas.datasets.images import Dataset
from nas.training.batches import TrainingImages, build_mixup
from nas.training.checkpoint import CheckpointFolder, digest
from nas.training.distillation import alpha_at, distillation_loss
from nas.training.prediction import evaluate_accuracy
from nas.training.recipe import DistillRecipe, Recipe, learning_rate_at
from nas.training.results import EpochResult, TrainingResult


def train(
    network: nn.Module,
    dataset: Dataset,
    task: Task,
    recipe: Recipe,
    *,
    phase: str,
    seed: int,
    folder: Path | None,
    on_epoch: Callable[[EpochResult], None],
    teacher_logits: Float[Tensor, "train classes"] | None = None,
    device: str = "cpu",
) -> TrainingResult:
    """The curve and final validation accuracy of `network`, trained in place by `recipe` on the training split.

    All randomness of an epoch comes from (seed, phase, epoch). With a `folder`, every epoch leaves a checkpoint, and a
    call with the same network, data, recipe, seed and teacher goes on after it, bit for bit as if never interrupted
    (on one machine and number of threads). `on_epoch` hears each epoch trained in this call, after its checkpoint.
    `teacher_logits` are in training order and go with a DistillRecipe. An incomplete last batch is left out of its
    epoch.
    """
    if isinstance(recipe, DistillRecipe) != (teacher_logits is not None):
        raise ValueError("teacher_logits and a DistillRecipe must come together")
    work = _Work(network, dataset, task, recipe, phase, seed, teacher_logits, device)
    checkpoints = CheckpointFolder(folder, _identify(work)) if folder else None
    network.to(device)
    # 1.6 times as many images a second on a CPU; torch 2.13 leaves this overload out of its types
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _build_optimizer(network, recipe)
    curve = checkpoints.restore(network, optimizer) if checkpoints else ()
    epochs = _Epochs(work, optimizer)
    diverged = False
    for epoch in range(len(curve) + 1, recipe.epochs + 1):
        result = epochs.run(epoch)
        if not math.isfinite(result.loss):
            diverged = True
            break
        curve = (*curve, result)
        if checkpoints:
            checkpoints.save(network, optimizer, curve)
        on_epoch(result)
    network.to("cpu")
    accuracy = 0.0 if diverged else curve[-1].validation_accuracy
    return TrainingResult(curve, accuracy, sum(result.seconds for result in curve), diverged)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """The arguments of `train` that decide the curve, and the device."""

    network: nn.Module
    dataset: Dataset
    task: Task
    recipe: Recipe
    phase: str
    seed: int
    teacher_logits: Tensor | None
    device: str


class _Epochs:
    """Runs single epochs of one phase."""

    def __init__(self, work: _Work, optimizer: torch.optim.Optimizer) -> None:
        recipe = work.recipe
        self._work = work
        self._optimizer = optimizer
        self._images = TrainingImages(work.dataset, work.task, recipe.augmentation, work.device)
        self._labels = torch.from_numpy(work.dataset.train.labels)
        self._mixup = build_mixup(recipe.mixup_alpha, work.task.num_classes) if recipe.mixup_alpha else None

    def run(self, epoch: int) -> EpochResult:
        """One epoch and its validation; the loss is NaN or infinite when it broke off there."""
        work = self._work
        start = time.perf_counter()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_epoch_seed(work.seed, work.phase, epoch))
            loss = self._train(epoch)
        accuracy = 0.0
        if math.isfinite(loss):
            accuracy = evaluate_accuracy(work.network, work.dataset.validation, work.dataset, work.task)
        rate = learning_rate_at(work.recipe, epoch - 1)
        return EpochResult(epoch, work.recipe.epochs, loss, rate, accuracy, time.perf_counter() - start)

    def _train(self, epoch: int) -> float:
        """Mean loss over the epoch's steps, or the first loss that is no finite number."""
        recipe = self._work.recipe
        self._work.network.train()
        order = torch.randperm(len(self._images))
        size = min(recipe.batch_size, len(order))
        # each epoch shuffles anew, so the few images left out are never the same ones
        batches = torch.split(order[: len(order) // size * size], size)
        total = 0.0
        for step, indices in enumerate(batches):
            rate = learning_rate_at(recipe, epoch - 1 + step / len(batches))
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            loss = self._batch_loss(indices, epoch)
            value = loss.item()
            if not math.isfinite(value):
                return value
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            total += value
        return total / len(batches)

    def _batch_loss(self, indices: Tensor, epoch: int) -> Tensor:
        work = self._work
        images = self._images.batch(indices)  # (batch, C, H, W)
        labels = self._labels[indices].to(work.device)
        if self._mixup is not None:
            images, labels = self._mixup(images, labels)  # labels (batch, classes)
        logits: Tensor = work.network(images)
        if work.teacher_logits is None or not isinstance(work.recipe, DistillRecipe):
            return functional.cross_entropy(logits, labels)
        targets = work.teacher_logits[indices].to(work.device)
        alpha = alpha_at(work.recipe.alpha_schedule, epoch, work.recipe.epochs)
        return distillation_loss(logits, targets, labels, work.recipe.temperature, alpha)


def _build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
    )


def _epoch_seed(seed: int, phase: str, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{phase}/{epoch}".encode()).digest()[:7], "big")


def _identify(work: _Work) -> str:
    """A digest of everything the curve follows from; `repr` tells strides, activations and skips apart."""
    facts = {
        "network": repr(work.network),
        "start": digest(work.network.state_dict()),
        "data": work.dataset.fingerprint,
        "task": asdict(work.task),
        "recipe": work.recipe.model_dump(),
        "phase": work.phase,
        "seed": work.seed,
        "teacher": None if work.teacher_logits is None else digest({"logits": work.teacher_logits}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
