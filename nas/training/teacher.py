"""The teacher of the distillation: a small vision transformer trained in the run, of which only the logits stay."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nas.architecture import Task
from nas.datasets.images import Dataset
from nas.errors import SettingError
from nas.training.checkpoint import digest
from nas.training.loop import train
from nas.training.prediction import predict_logits
from nas.training.recipe import TeacherSettings
from nas.training.results import EpochResult
from nas.training.torchvision_import import import_torchvision
from nas.training.weights import write_tensors

LOGITS_FILE = "logits.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Teaching:
    """What a student needs of its teacher: logits (N_train, num_classes) in training order.

    `validation_accuracy` (fraction) is the teacher's own; `cached` tells that the logits were read, not computed.
    """

    logits: Float[Tensor, "train classes"]
    validation_accuracy: float
    cached: bool


def teach(
    dataset: Dataset,
    settings: TeacherSettings,
    *,
    seed: int,
    folder: Path,
    on_epoch: Callable[[EpochResult], None],
    device: str = "cpu",
) -> Teaching:
    """The teacher's logits on the training images, from `folder` when it holds them, else trained and left there.

    They belong to one data set (its fingerprint), one setting and one seed; anything else, or a damaged file, is
    computed anew. An interrupted training goes on after its last epoch. Raises SettingError when it diverges.
    """
    key = _cache_key(dataset, settings, seed)
    found = _load_logits(folder / LOGITS_FILE, key)
    if found is not None:
        return found
    task = Task(settings.image_size, settings.image_size, dataset.train.images.shape[3], dataset.num_classes)
    network = build_teacher(settings, task, seed=seed)
    result = train(
        network, dataset, task, settings, phase="teacher", seed=seed, folder=folder, on_epoch=on_epoch, device=device
    )
    if result.failure:
        rule = "the teacher's training must come to its end"
        remedy = f"lower training.teacher's learning_rate ({settings.learning_rate:g}) or raise its max_seconds"
        raise SettingError(f"{rule}; {result.failure}; {remedy}")
    logits = predict_logits(network, dataset.train.images, dataset, task)
    state = {"key": key, "validation_accuracy": result.validation_accuracy, "sha256": digest({"logits": logits})}
    write_tensors({"logits": logits}, folder / LOGITS_FILE, {"state": json.dumps(state)})
    return Teaching(logits, result.validation_accuracy, cached=False)


def build_teacher(settings: TeacherSettings, task: Task, *, seed: int) -> nn.Module:
    """A ViT (Dosovitskiy et al. 2021) of timm with weights drawn from `seed`; the global generator stays as it was."""
    import_torchvision()  # before timm, which imports it too; both late: a cached teacher needs neither
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = VisionTransformer(
            img_size=settings.image_size,
            patch_size=settings.patch_size,
            in_chans=task.channels,
            num_classes=task.num_classes,
            embed_dim=settings.embed_dim,
            depth=settings.depth,
            num_heads=settings.num_heads,
        )
    return network


def _cache_key(dataset: Dataset, settings: TeacherSettings, seed: int) -> str:
    facts = {"data": dataset.fingerprint, "settings": settings.model_dump(), "seed": seed}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _load_logits(path: Path, key: str) -> Teaching | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            logits: Tensor = file.get_tensor("logits")
        if state["key"] != key or state["sha256"] != digest({"logits": logits}):
            return None
        return Teaching(logits, float(state["validation_accuracy"]), cached=True)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None  # torn or foreign: computed anew
