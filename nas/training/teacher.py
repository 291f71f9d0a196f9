"""The distillation teacher, of which only the logits are kept: trained in the run, or from a folder or the hub."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nas.datasets.images import Dataset, Split
from nas.errors import SettingError, TeacherFailedError
from nas.space.architecture import Task
from nas.training.checkpoint import digest
from nas.training.loop import train
from nas.training.out_of_memory import PhaseFailedError, give_back, memory_errors_named
from nas.training.prediction import evaluate_accuracy, predict_logits
from nas.training.recipe import TeacherSettings
from nas.training.results import EpochResult
from nas.training.teacher_folder import TeacherCard, find_teacher, load_teacher
from nas.training.torchvision_import import import_torchvision
from nas.training.weights import write_tensors

LOGITS_FILE = "logits.safetensors"
CHUNK_IMAGES = 1024  # whose logits are written at a time: the most that is lost when the process is killed


@dataclass(frozen=True, slots=True, eq=False)
class Teaching:
    """What a student needs from its teacher: logits (N_train, num_classes) in training order.

    `validation_accuracy` (fraction) is the teacher's own; `cached`: the logits were read, not computed.
    """

    logits: Float[Tensor, "train classes"]
    validation_accuracy: float
    cached: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Teacher:
    """A teacher network, the data set in the form it takes, and its input."""

    network: nn.Module
    dataset: Dataset
    task: Task


def teach(
    dataset: Dataset,
    settings: TeacherSettings,
    *,
    seed: int,
    folder: Path,
    cache: Path | None = None,
    on_epoch: Callable[[EpochResult], None],
    device: str = "cpu",
) -> Teaching:
    """The teacher's logits on the training images, read from disk if they are there, else computed and saved.

    A teacher trained here leaves everything in `folder`; the logits of an external one are in `cache` (default:
    `folder`), where other runs find them. They belong to one data set (its fingerprint) and one teacher (its files, or
    settings and seed); for anything else, or a damaged file, they are recomputed. Interrupted training resumes after
    its last epoch, interrupted prediction after its last chunk. Raises SettingError for a teacher that is unavailable,
    TeacherFailedError for one whose training or prediction fails.
    """
    card = None if settings.source == "train" else find_teacher(settings.source, dataset.num_classes)
    key = _cache_key(dataset, settings, seed) if card is None else _card_key(dataset, card)
    path = folder / LOGITS_FILE if card is None else (cache or folder) / f"{key[:32]}.safetensors"
    stored = _load_logits(path, key)
    if stored is not None and len(stored.logits) == len(dataset.train):
        return stored
    if card is None:
        teacher = _train_here(dataset, settings, seed, folder, on_epoch, device)
    else:
        teacher = ask_outsider(card, load_teacher(card), dataset)
    try:
        with memory_errors_named("the teacher and one image"):
            teacher.network.to(device)
            return _answer(teacher, path, key, stored)
    except PhaseFailedError as error:
        raise TeacherFailedError(f"the teacher must answer; {error}; choose a smaller teacher or device cpu") from error
    finally:
        teacher.network.to("cpu")
        give_back(device)


def _answer(teacher: _Teacher, path: Path, key: str, stored: Teaching | None) -> Teaching:
    """All logits, continuing from those in `stored`; written to `path` chunk by chunk."""
    images = teacher.dataset.train.images
    if stored is None:
        accuracy = evaluate_accuracy(teacher.network, teacher.dataset.validation, teacher.dataset, teacher.task)
        stored = Teaching(torch.empty(0, teacher.dataset.num_classes), accuracy, cached=False)
    logits = stored.logits
    while len(logits) < len(images):
        part = images[len(logits) : len(logits) + CHUNK_IMAGES]
        logits = torch.cat([logits, predict_logits(teacher.network, part, teacher.dataset, teacher.task)])
        state = {
            "key": key,
            "validation_accuracy": stored.validation_accuracy,
            "sha256": digest({"logits": logits}),
        }
        write_tensors({"logits": logits}, path, {"state": json.dumps(state)})
    return Teaching(logits, stored.validation_accuracy, cached=False)


def _train_here(
    dataset: Dataset,
    settings: TeacherSettings,
    seed: int,
    folder: Path,
    on_epoch: Callable[[EpochResult], None],
    device: str,
) -> _Teacher:
    size = settings.image_size
    task = Task(size, size, dataset.train.images.shape[3], dataset.num_classes)
    network = build_teacher(settings, task, seed=seed)
    result = train(
        network, dataset, task, settings, phase="teacher", seed=seed, folder=folder, on_epoch=on_epoch, device=device
    )
    if result.failure:
        rule = "the teacher's training must come to its end"
        remedy = f"lower training.teacher's learning_rate ({settings.learning_rate:g}) or raise its max_seconds"
        raise TeacherFailedError(f"{rule}; {result.failure}; {remedy}")
    return _Teacher(network, dataset, task)


def ask_outsider(card: TeacherCard, network: nn.Module, dataset: Dataset) -> _Teacher:
    """The data set at the teacher's input size, with its channels and normalization.

    Raises SettingError for colour images and a greyscale teacher.
    """
    channels = dataset.train.images.shape[3]
    if channels > card.channels:
        rule = f"the teacher must take images of {channels} channels"
        raise SettingError(f"{rule}; {card.folder} takes {card.channels}; choose another teacher")
    task = Task(card.image_size, card.image_size, card.channels, dataset.num_classes)
    seen = replace(dataset, mean=card.mean, std=card.std)
    if channels < card.channels:  # grey becomes three equal colour channels
        train, validation = (_repeat_channels(split, card.channels) for split in (dataset.train, dataset.validation))
        seen = replace(seen, train=train, validation=validation)
    return _Teacher(network, seen, task)


def _repeat_channels(split: Split, channels: int) -> Split:
    return Split(np.repeat(split.images, channels, axis=3), split.labels)


def build_teacher(settings: TeacherSettings, task: Task, *, seed: int) -> nn.Module:
    """A ViT (Dosovitskiy et al. 2021) of timm with weights drawn from `seed`; the global generator is untouched."""
    import_torchvision()  # before timm, which imports it too; both late: a cached teacher needs neither
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = VisionTransformer(
            **shape_arguments(settings), in_chans=task.channels, num_classes=task.num_classes
        )
    return network


def shape_arguments(settings: TeacherSettings) -> dict[str, int]:
    """The size of the teacher that is trained here, as timm's arguments."""
    return {
        "img_size": settings.image_size,
        "patch_size": settings.patch_size,
        "embed_dim": settings.embed_dim,
        "depth": settings.depth,
        "num_heads": settings.num_heads,
    }


def _cache_key(dataset: Dataset, settings: TeacherSettings, seed: int) -> str:
    facts = {"data": dataset.fingerprint, "settings": settings.model_dump(exclude={"max_seconds"}), "seed": seed}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _card_key(dataset: Dataset, card: TeacherCard) -> str:
    return hashlib.sha256(f"{dataset.fingerprint} {card.identity()}".encode()).hexdigest()


def _load_logits(path: Path, key: str) -> Teaching | None:
    """The logits so far, perhaps not yet those of all images."""
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
        return None  # torn or foreign: recomputed
