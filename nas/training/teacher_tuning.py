"""Fine-tuning a teacher on a data set, and the folder it is kept in, which timm can read too."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.datasets.images import Dataset
from nas.documents.atomic_files import write_json
from nas.errors import SettingError
from nas.space.architecture import Task
from nas.training.loop import train
from nas.training.recipe import TeacherSettings
from nas.training.results import EpochResult, TrainingResult
from nas.training.teacher import ask_outsider, build_teacher, shape_arguments
from nas.training.teacher_folder import CONFIG_FILE, WEIGHTS_FILE, find_teacher, load_teacher
from nas.training.weights import save_weights

ARCHITECTURE = "vit_base_patch16_224"  # any ViT of timm's: the arguments decide its size


@dataclass(frozen=True, slots=True, eq=False)
class _Pupil:
    """A network to fine-tune, the images it sees, and how timm would build it."""

    network: nn.Module
    dataset: Dataset
    task: Task
    architecture: str
    arguments: dict[str, Any]


def tune_teacher(
    dataset: Dataset,
    settings: TeacherSettings,
    *,
    seed: int,
    folder: Path,
    on_epoch: Callable[[EpochResult], None],
    device: str = "cpu",
) -> TrainingResult:
    """Train a teacher on the training split and save it in `folder` (config.json, model.safetensors).

    `settings.source` is what to start from: `train` is a new ViT of the settings' size, anything else a timm teacher
    whose classifier is replaced. Checkpoints are in `folder`/training, and interrupted training resumes after its last
    epoch. Raises SettingError when the base is unavailable or the training fails.
    """
    pupil = _draw(dataset, settings, seed) if settings.source == "train" else _take_over(dataset, settings, seed)
    result = train(
        pupil.network,
        pupil.dataset,
        pupil.task,
        settings,
        phase="teacher",
        seed=seed,
        folder=folder / "training",
        on_epoch=on_epoch,
        device=device,
    )
    if result.failure:
        remedy = f"lower its learning_rate ({settings.learning_rate:g}) or raise its max_seconds"
        raise SettingError(f"the teacher's training must come to its end; {result.failure}; {remedy}")
    save_weights(pupil.network, folder / WEIGHTS_FILE)
    _write_config(pupil, result, folder / CONFIG_FILE)
    return result


def _draw(dataset: Dataset, settings: TeacherSettings, seed: int) -> _Pupil:
    size = settings.image_size
    task = Task(size, size, dataset.train.images.shape[3], dataset.num_classes)
    network = build_teacher(settings, task, seed=seed)
    return _Pupil(network, dataset, task, ARCHITECTURE, dict(shape_arguments(settings)))


def _take_over(dataset: Dataset, settings: TeacherSettings, seed: int) -> _Pupil:
    card = find_teacher(settings.source)
    if card.library != "timm":
        raise SettingError(f"a base to fine-tune must be timm's; {settings.source} is transformers'; choose another")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = load_teacher(card, num_classes=dataset.num_classes)
    teacher = ask_outsider(card, network, dataset)
    return _Pupil(network, teacher.dataset, teacher.task, card.architecture, dict(card.arguments))


def _write_config(pupil: _Pupil, result: TrainingResult, path: Path) -> None:
    """timm's description of the network, with its origin."""
    data, task = pupil.dataset, pupil.task
    normalization = {"mean": list(data.mean), "std": list(data.std)}
    size = {"input_size": [task.channels, task.height, task.width], "num_classes": task.num_classes}
    config = {
        "architecture": pupil.architecture,
        "num_classes": task.num_classes,
        "model_args": pupil.arguments,
        "pretrained_cfg": size | normalization,
        "trained_on": {"data": data.name, "fingerprint": data.fingerprint},
        "validation_accuracy": result.validation_accuracy,
        "curve_losses": [round(epoch.loss, 4) for epoch in result.curve],
    }
    write_json(path, config)
