"""The one training loop: mini, full, distill and the teacher differ only in their recipe."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nas.datasets.images import Dataset
from nas.space.architecture import Task
from nas.training.checkpoint import CheckpointFolder, digest
from nas.training.epochs import Epochs, Work, build_optimizer
from nas.training.malloc_settings import kept_memory
from nas.training.out_of_memory import PhaseFailedError, give_back, memory_errors_named
from nas.training.recipe import DistillRecipe, Recipe
from nas.training.results import EpochResult, TrainingResult


@kept_memory()
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
    stop: Callable[[EpochResult], str] | None = None,
) -> TrainingResult:
    """The curve and final validation accuracy of `network`, trained in place by `recipe` on the training split.

    All randomness of an epoch comes from (seed, phase, epoch). With a `folder`, every epoch leaves a checkpoint, and a
    call with the same network, data, recipe, seed and teacher resumes from it, bit for bit as if never interrupted (on
    the same machine and number of CPU threads; a GPU's sums may differ in the last digits). `on_epoch` is called for
    each epoch trained in this call, after its checkpoint. `stop` may end the phase after an epoch by returning a
    reason. `teacher_logits` are in training order and go with a DistillRecipe. An incomplete last batch is left out of
    its epoch. A loss that is NaN or infinite, an epoch that does not fit in memory and the recipe's time limit end the
    phase as failed, never the process.
    """
    if isinstance(recipe, DistillRecipe) != (teacher_logits is not None):
        raise ValueError("teacher_logits and a DistillRecipe must come together")
    work = Work(network, dataset, task, recipe, phase, seed, teacher_logits, device)
    checkpoints = CheckpointFolder(folder, _identify(work)) if folder else None
    try:
        with memory_errors_named("the network and its data"):
            epochs, optimizer, curve = _begin(work, checkpoints)
    except PhaseFailedError as error:
        network.to("cpu")
        give_back(device)
        return TrainingResult((), 0.0, 0.0, str(error))
    failure = stopped = ""
    for epoch in range(len(curve) + 1, recipe.epochs + 1):
        stopped = stop(curve[-1]) if stop and curve else ""  # here, so that a resumed phase decides too
        if stopped:
            break
        try:
            result = epochs.run(epoch, seconds_spent=_sum_seconds(curve))
        except PhaseFailedError as error:
            failure = str(error)
            break
        curve = (*curve, result)
        if checkpoints:
            checkpoints.save(network, optimizer, curve)
        on_epoch(result)
    network.to("cpu")
    del epochs, optimizer  # and the images on a GPU with them
    give_back(device)
    accuracy = 0.0 if failure else curve[-1].validation_accuracy
    return TrainingResult(curve, accuracy, _sum_seconds(curve), failure, stopped)


def _begin(
    work: Work, checkpoints: CheckpointFolder | None
) -> tuple[Epochs, torch.optim.Optimizer, tuple[EpochResult, ...]]:
    """Epochs and optimizer on the device, as they were after the last checkpoint, and the curve up to there."""
    work.network.to(work.device)
    # 1.6-2.3 times as many images per second on a CPU; torch 2.13 leaves this overload out of its types
    work.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = build_optimizer(work.network, work.recipe)
    curve = checkpoints.restore(work.network, optimizer) if checkpoints else ()
    return Epochs(work, optimizer, parts=curve[-1].parts if curve else 1), optimizer, curve


def _sum_seconds(curve: tuple[EpochResult, ...]) -> float:
    return sum((result.seconds for result in curve), 0.0)


def _identify(work: Work) -> str:
    """A digest of everything the curve depends on; `repr` tells strides, activations and skips apart."""
    facts = {
        "network": repr(work.network),
        "start": digest(work.network.state_dict()),
        "data": work.dataset.fingerprint,
        "task": asdict(work.task),
        "recipe": work.recipe.model_dump(exclude={"max_seconds"}),
        "phase": work.phase,
        "seed": work.seed,
        "teacher": None if work.teacher_logits is None else digest({"logits": work.teacher_logits}),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
