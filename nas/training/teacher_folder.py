"""Teachers from outside the run: a local or hub folder with a timm or transformers classifier in safetensors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nas.errors import SettingError

if TYPE_CHECKING:
    from torch import nn

HUB = "hf:"
WEIGHTS_FILE, CONFIG_FILE, PROCESSOR_FILE = "model.safetensors", "config.json", "preprocessor_config.json"
_HALF = (0.5, 0.5, 0.5)  # what ViTs of both libraries are normalized with unless they say otherwise


@dataclass(frozen=True, slots=True)
class TeacherCard:
    """What a teacher's folder says about it. It takes images of image_size x image_size, normalized by mean and std.

    `architecture` is timm's name for it, with `arguments`, or transformers' model type.
    """

    folder: Path
    library: Literal["timm", "transformers"]
    architecture: str
    num_classes: int
    image_size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def identity(self) -> str:
        """A digest of everything its logits depend on; reads the weights, but builds no network."""
        digest = hashlib.sha256()
        for name in (CONFIG_FILE, PROCESSOR_FILE, WEIGHTS_FILE):
            if (self.folder / name).is_file():
                with (self.folder / name).open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def find_teacher(source: str, num_classes: int | None = None) -> TeacherCard:
    """The card of `hf:ORG/NAME` (from the hub or its cache on this machine) or of a local folder.

    Raises SettingError when it is unavailable, holds no safetensors, or distinguishes a number of classes other than
    `num_classes`.
    """
    folder = _fetch(source.removeprefix(HUB)) if source.startswith(HUB) else Path(source).expanduser()
    card = read_card(folder)
    if num_classes is not None and card.num_classes != num_classes:
        rule = f"the teacher must tell apart the data's {num_classes} classes"
        raise SettingError(f"{rule}; {source} has {card.num_classes}; fine-tune one with `teacher --base {source}`")
    return card


def read_card(folder: Path) -> TeacherCard:
    """What the config.json of a timm or transformers folder says; raises SettingError when it says too little."""
    remedy = "give a folder with config.json and model.safetensors, hf:ORG/NAME, or train one with `teacher`"
    if not (folder / WEIGHTS_FILE).is_file():
        raise SettingError(f"a teacher must have {WEIGHTS_FILE}; {folder} has none; {remedy}")
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return _read_timm(folder, config) if "architecture" in config else _read_transformers(folder, config)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise SettingError(
            f"{folder}/{CONFIG_FILE} must describe a classifier of timm or transformers; {error!r}; {remedy}"
        ) from error


def _read_timm(folder: Path, config: dict[str, Any]) -> TeacherCard:
    pretrained = config.get("pretrained_cfg", {})
    channels, height, _ = pretrained["input_size"]
    return TeacherCard(
        folder=folder,
        library="timm",
        architecture=str(config["architecture"]),
        num_classes=int(config.get("num_classes") or pretrained["num_classes"]),
        image_size=int(height),
        channels=int(channels),
        mean=tuple(map(float, pretrained.get("mean", _HALF))),
        std=tuple(map(float, pretrained.get("std", _HALF))),
        arguments=dict(config.get("model_args", {})),
    )


def _read_transformers(folder: Path, config: dict[str, Any]) -> TeacherCard:
    path = folder / PROCESSOR_FILE
    processor: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return TeacherCard(
        folder=folder,
        library="transformers",
        architecture=str(config["model_type"]),
        num_classes=len(config["id2label"]),
        image_size=int(config["image_size"]),
        channels=int(config.get("num_channels", 3)),
        mean=tuple(map(float, processor.get("image_mean", _HALF))),
        std=tuple(map(float, processor.get("image_std", _HALF))),
    )


def load_teacher(card: TeacherCard, *, num_classes: int | None = None) -> nn.Module:
    """The network, (N, C, S, S) in and (N, classes) logits out, in evaluation mode.

    With `num_classes` its classifier is redrawn for that many (from torch's global generator); the rest keeps its
    weights. Raises SettingError when the weights are not those of the network.
    """
    from nas.training.torchvision_import import import_torchvision

    import_torchvision()  # both libraries import it
    try:
        network = _load_timm(card, num_classes) if card.library == "timm" else _load_transformers(card, num_classes)
    except (OSError, ValueError, RuntimeError, TypeError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        rule = f"{card.folder} must hold the weights of a {card.library} {card.architecture}"
        raise SettingError(f"{rule}; {reason}; choose another teacher or train one with `teacher`") from error
    return network.eval()


def _load_timm(card: TeacherCard, num_classes: int | None) -> nn.Module:
    import timm
    from safetensors.torch import load_file

    if not timm.is_model(card.architecture):  # create_model would treat a name with a scheme as a download
        raise ValueError(f"timm knows no {card.architecture!r}")
    network: nn.Module = timm.create_model(
        card.architecture, pretrained=False, num_classes=card.num_classes, in_chans=card.channels, **card.arguments
    )
    network.load_state_dict(load_file(card.folder / WEIGHTS_FILE))
    if num_classes is not None:
        network.reset_classifier(num_classes)  # type: ignore[operator]
    return network


def _load_transformers(card: TeacherCard, num_classes: int | None) -> nn.Module:
    from transformers import AutoModelForImageClassification

    from nas.training.logits_only import LogitsOnly

    settings = {} if num_classes is None else {"num_labels": num_classes, "ignore_mismatched_sizes": True}
    model = AutoModelForImageClassification.from_pretrained(
        card.folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, **settings
    )
    return LogitsOnly(model)


def _fetch(name: str) -> Path:
    """The folder of a hub's repository, of which only safetensors and JSON are fetched: other weights are pickles."""
    from httpx import HTTPError
    from huggingface_hub import snapshot_download

    patterns = [WEIGHTS_FILE, CONFIG_FILE, PROCESSOR_FILE]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=True))
    except (OSError, ValueError):
        pass  # not on this machine yet: ask the hub
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (OSError, ValueError, HTTPError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        remedy = "check the name and the network, give a local folder, or set training.teacher.source=train"
        raise SettingError(f"the teacher {HUB}{name} must be on this machine or the hub; {reason}; {remedy}") from error
