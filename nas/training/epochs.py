"""Single epochs of a phase: the steps, and what can go wrong in one without ending the run."""

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from nas.datasets.images import Dataset
from nas.space.architecture import Task
from nas.training.batches import TrainingImages, mix_images
from nas.training.distillation import alpha_at, cross_entropy, distillation_loss
from nas.training.out_of_memory import PhaseFailedError, is_out_of_memory, may_stay, memory_errors_named
from nas.training.prediction import evaluate_accuracy
from nas.training.recipe import DistillRecipe, Recipe, learning_rate_at
from nas.training.results import EpochResult

MIN_PART = 2  # images; batch norm needs two
CHECK_STEPS = 16  # on a GPU, which stalls while its loss is read


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """The arguments of `train` that decide the curve, and the device."""

    network: nn.Module
    dataset: Dataset
    task: Task
    recipe: Recipe
    phase: str
    seed: int
    teacher_logits: Tensor | None
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Images (batch, C, H, W), labels (batch,) or soft (batch, classes), the teacher's logits (batch, classes)."""

    images: Tensor
    labels: Tensor
    teacher: Tensor | None

    def split(self, parts: int) -> Iterator["Batch"]:
        """The batch in that many parts, whose sizes differ by at most one image."""
        for part in np.array_split(np.arange(len(self.images)), parts):
            taken = slice(part[0], part[-1] + 1)
            teacher = None if self.teacher is None else self.teacher[taken]
            yield Batch(self.images[taken], self.labels[taken], teacher)


class Epochs:
    """Runs single epochs of one phase. `parts`: how many parts every batch is split into from the start."""

    def __init__(self, work: Work, optimizer: torch.optim.Optimizer, *, parts: int) -> None:
        self._work = work
        self._optimizer = optimizer
        self._parts = parts
        self._images = TrainingImages(work.dataset, work.task, work.recipe.augmentation, work.device)
        # kept on the device: copying to a GPU at each step would wait for the previous step
        labels = torch.from_numpy(work.dataset.train.labels)
        self._labels = labels.to(work.device)
        weights = weigh_classes(labels, work.task.num_classes) if work.recipe.class_weights else None
        self._weights = None if weights is None else weights.to(work.device)
        self._teacher = work.teacher_logits
        if self._teacher is not None and may_stay(self._teacher.nbytes, torch.device(work.device)):
            self._teacher = self._teacher.to(work.device)

    def run(self, epoch: int, *, seconds_spent: float) -> EpochResult:
        """One epoch and its validation; raises PhaseFailedError when it cannot be finished."""
        work = self._work
        start = time.perf_counter()
        limit = work.recipe.max_seconds
        deadline = start + limit - seconds_spent if limit else math.inf
        with torch.random.fork_rng(devices=[]), memory_errors_named(f"{MIN_PART} images at a time"):
            torch.manual_seed(_epoch_seed(work.seed, work.phase, epoch))
            loss = self._train(epoch, deadline)
            accuracy = evaluate_accuracy(work.network, work.dataset.validation, work.dataset, work.task)
        rate = learning_rate_at(work.recipe, epoch - 1)
        seconds = time.perf_counter() - start
        return EpochResult(epoch, work.recipe.epochs, loss, rate, accuracy, seconds, self._parts)

    def _train(self, epoch: int, deadline: float) -> float:
        """Mean loss over the epoch's steps."""
        recipe = self._work.recipe
        self._work.network.train()
        order = torch.randperm(len(self._images))
        size = min(recipe.batch_size, len(order))
        num_steps = len(order) // size
        # each epoch reshuffles, so it is not always the same few images that are left out
        batches = self._images.batches(order[: num_steps * size], size)
        total = torch.zeros((), dtype=torch.float64, device=self._work.device)
        check_steps = 1 if self._work.device == "cpu" else CHECK_STEPS
        for step, (indices, images) in enumerate(batches, start=1):
            rate = learning_rate_at(recipe, epoch - 1 + (step - 1) / num_steps)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            total += self._differentiate(self._complete(indices, images), epoch)
            if (step % check_steps == 0 or step == num_steps) and not math.isfinite(total.item()):
                raise PhaseFailedError("the loss was no longer a number")
            if time.perf_counter() > deadline:
                raise PhaseFailedError(f"it took longer than max_seconds ({recipe.max_seconds:g}) in epoch {epoch}")
            self._optimizer.step()
        return total.item() / num_steps

    def _complete(self, indices: Int64[Tensor, " batch"], images: Tensor) -> Batch:
        work = self._work
        labels = self._labels[indices]
        if work.recipe.mixup_alpha:
            images, labels = mix_images(images, labels, work.recipe.mixup_alpha, work.task.num_classes)
        teacher = None
        if self._teacher is not None:
            teacher = self._teacher[indices.to(self._teacher.device)].to(work.device)
        return Batch(images, labels, teacher)

    def _differentiate(self, batch: Batch, epoch: int) -> Float[Tensor, ""]:
        """The mean loss of the batch, its gradients left in the parameters; a batch too large for memory is halved."""
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return self._sum_parts(batch, epoch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch.images) // (2 * self._parts) < MIN_PART:
                    raise
                self._parts *= 2

    def _sum_parts(self, batch: Batch, epoch: int) -> Float[Tensor, ""]:
        """One attempt, in a method of its own so that nothing of a failed attempt occupies memory in the next."""
        total = torch.zeros((), dtype=torch.float64, device=self._work.device)
        for part in batch.split(self._parts):
            loss = self._loss(part, epoch) * (len(part.images) / len(batch.images))
            total += loss.detach()
            loss.backward()  # type: ignore[no-untyped-call]
        return total

    def _loss(self, batch: Batch, epoch: int) -> Float[Tensor, ""]:
        work = self._work
        with mixed_precision(work.device):
            logits: Tensor = work.network(batch.images)
        logits = logits.float()
        labels, weights, recipe = batch.labels, self._weights, work.recipe
        if batch.teacher is None or not isinstance(recipe, DistillRecipe):
            return cross_entropy(logits, labels, weights)
        alpha = alpha_at(recipe.alpha_schedule, epoch, recipe.epochs)
        return distillation_loss(logits, batch.teacher, labels, recipe.temperature, alpha, weights)


def weigh_classes(labels: Int64[Tensor, " num"], num_classes: int) -> Float[Tensor, " classes"]:
    """A weight for each class, inversely proportional to its share of the labels; their mean over the labels is 1."""
    counts = np.bincount(labels.numpy(), minlength=num_classes)
    return torch.tensor(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), dtype=torch.float32)


def mixed_precision(device: str) -> AbstractContextManager[object]:
    """bfloat16 where a GPU natively supports it, which needs no loss scaling; on a CPU it gains nothing."""
    if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer, fused: each step makes a single pass over the parameters."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=True)
    momentum = recipe.momentum
    return torch.optim.SGD(
        network.parameters(), lr=rate, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, fused=True
    )


def _epoch_seed(seed: int, phase: str, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{phase}/{epoch}".encode()).digest()[:7], "big")
