"""Single epochs of a phase: the steps, and what may go wrong in one without ending the run."""

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from nas.architecture import Task
from nas.datasets.images import Dataset
from nas.training.batches import TrainingImages, mix_images
from nas.training.distillation import alpha_at, cross_entropy, distillation_loss
from nas.training.prediction import evaluate_accuracy
from nas.training.recipe import DistillRecipe, Recipe, learning_rate_at
from nas.training.results import EpochResult

MIN_PART = 2  # images; batch norm needs two
CHECK_STEPS = 16  # on a GPU, which stands still while its loss is looked at
CPU_ALLOCATOR = ("can't allocate memory", "not enough memory")  # torch says it in a plain RuntimeError


class PhaseFailedError(Exception):
    """The phase ends without usable weights; the message says why, for the record of the trial."""


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
class _Batch:
    """Images (batch, C, H, W), labels (batch,) or soft (batch, classes), the teacher's logits (batch, classes)."""

    images: Tensor
    labels: Tensor
    teacher: Tensor | None

    def split(self, parts: int) -> Iterator["_Batch"]:
        """The batch in so many parts, the last one perhaps smaller."""
        size = math.ceil(len(self.images) / parts)
        for start in range(0, len(self.images), size):
            part = slice(start, start + size)
            teacher = None if self.teacher is None else self.teacher[part]
            yield _Batch(self.images[part], self.labels[part], teacher)


class Epochs:
    """Runs single epochs of one phase. `parts`: into how many parts every batch is split from the start."""

    def __init__(self, work: Work, optimizer: torch.optim.Optimizer, *, parts: int) -> None:
        self._work = work
        self._optimizer = optimizer
        self._parts = parts
        self._images = TrainingImages(work.dataset, work.task, work.recipe.augmentation, work.device)
        self._labels = torch.from_numpy(work.dataset.train.labels)
        weights = weigh_classes(self._labels, work.task.num_classes) if work.recipe.class_weights else None
        self._weights = weights

    def run(self, epoch: int, *, seconds_spent: float) -> EpochResult:
        """One epoch and its validation; raises PhaseFailedError when it cannot be finished."""
        work = self._work
        start = time.perf_counter()
        limit = work.recipe.max_seconds
        deadline = start + limit - seconds_spent if limit else math.inf
        with torch.random.fork_rng(devices=[]), _memory_errors_named():
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
        # each epoch shuffles anew, so the few images left out are never the same ones
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

    def _complete(self, indices: Int64[Tensor, " batch"], images: Tensor) -> _Batch:
        work = self._work
        labels = self._labels[indices].to(work.device)
        if work.recipe.mixup_alpha:
            images, labels = mix_images(images, labels, work.recipe.mixup_alpha, work.task.num_classes)
        teacher = None if work.teacher_logits is None else work.teacher_logits[indices].to(work.device)
        return _Batch(images, labels, teacher)

    def _differentiate(self, batch: _Batch, epoch: int) -> Float[Tensor, ""]:
        """The mean loss of the batch, its gradients left in the parameters; too large a batch is split in halves."""
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return self._sum_parts(batch, epoch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(batch.images) // (2 * self._parts) < MIN_PART:
                    raise
                self._parts *= 2

    def _sum_parts(self, batch: _Batch, epoch: int) -> Float[Tensor, ""]:
        """One try. It is a method of its own so that nothing of a try that failed takes memory in the next."""
        total = torch.zeros((), dtype=torch.float64, device=self._work.device)
        for part in batch.split(self._parts):
            loss = self._loss(part, epoch) * (len(part.images) / len(batch.images))
            total += loss.detach()
            loss.backward()  # type: ignore[no-untyped-call]
        return total

    def _loss(self, batch: _Batch, epoch: int) -> Float[Tensor, ""]:
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
    """A weight for each class, inversely to its share of the labels; their mean over the labels is 1."""
    counts = np.bincount(labels.numpy(), minlength=num_classes)
    return torch.tensor(len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), dtype=torch.float32)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is spent, on a GPU or here."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in CPU_ALLOCATOR)


@contextmanager
def _memory_errors_named() -> Iterator[None]:
    """Memory that does not suffice even for the smallest parts becomes a PhaseFailedError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise PhaseFailedError(f"memory did not hold {MIN_PART} images at a time") from error


def mixed_precision(device: str) -> AbstractContextManager[object]:
    """bfloat16 where a GPU computes in it, which needs no loss scaling; on a CPU it gains nothing."""
    if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def build_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer, all of whose steps go over the parameters once."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=True)
    momentum = recipe.momentum
    return torch.optim.SGD(
        network.parameters(), lr=rate, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, fused=True
    )


def _epoch_seed(seed: int, phase: str, epoch: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{phase}/{epoch}".encode()).digest()[:7], "big")
