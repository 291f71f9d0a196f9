"""The teacher: trained once, then only its logits are read, without timm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import nas.training.prediction as prediction_module
from nas.datasets import Dataset, load_dataset
from nas.errors import SettingError, TeacherFailedError
from nas.training import EpochResult, TeacherSettings
from nas.training.teacher import LOGITS_FILE, Teaching, teach

TINY = TeacherSettings(
    optimizer="adamw",
    epochs=2,
    learning_rate=2e-3,
    schedule="cosine",
    batch_size=32,
    image_size=8,
    patch_size=4,
    embed_dim=16,
    depth=1,
    num_heads=2,
)

READ_AGAIN = """
import sys
from pathlib import Path
from nas.datasets import load_dataset
from nas.training import TeacherSettings
from nas.training.teacher import teach
data = load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=64)
settings = TeacherSettings.model_validate_json(sys.argv[1])
teaching = teach(data, settings, seed=0, folder=Path(sys.argv[2]), on_epoch=print)
print(teaching.cached, "timm" in sys.modules, "torchvision" in sys.modules)
"""


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=64)


@pytest.fixture(scope="module")
def taught(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Teaching, list[EpochResult]]:
    folder = tmp_path_factory.mktemp("teacher")
    heard: list[EpochResult] = []
    return folder, teach(digits, TINY, seed=0, folder=folder, on_epoch=heard.append), heard


def test_teaching_has_a_row_for_every_training_image(taught: tuple[Path, Teaching, list[EpochResult]]) -> None:
    _, teaching, heard = taught
    assert teaching.logits.shape == (64, 10)
    assert not teaching.cached
    assert teaching.validation_accuracy == heard[-1].validation_accuracy
    assert [result.epoch for result in heard] == [1, 2]


def test_cached_logits_need_neither_timm_nor_torchvision(taught: tuple[Path, Teaching, list[EpochResult]]) -> None:
    command = [sys.executable, "-c", READ_AGAIN, TINY.model_dump_json(), str(taught[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_cache_returns_the_same_logits(digits: Dataset, taught: tuple[Path, Teaching, list[EpochResult]]) -> None:
    folder, teaching, _ = taught
    again = teach(digits, TINY, seed=0, folder=folder, on_epoch=pytest.fail)
    assert again.cached
    assert torch.equal(again.logits, teaching.logits)
    assert again.validation_accuracy == teaching.validation_accuracy


@pytest.mark.parametrize("change", ["torn", "seed", "settings"])
def test_torn_or_foreign_cache_is_computed_anew(change: str, digits: Dataset, tmp_path: Path) -> None:
    first = teach(digits, TINY, seed=0, folder=tmp_path, on_epoch=lambda _: None)
    if change == "torn":
        content = (tmp_path / LOGITS_FILE).read_bytes()
        (tmp_path / LOGITS_FILE).write_bytes(content[:-8])
    settings = TINY.model_copy(update={"learning_rate": 1e-3}) if change == "settings" else TINY
    again = teach(digits, settings, seed=int(change == "seed"), folder=tmp_path, on_epoch=lambda _: None)
    assert not again.cached
    assert torch.equal(again.logits, first.logits) == (change == "torn")


def test_teacher_that_memory_cannot_hold_fails_in_one_line(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    teach(digits, TINY, seed=0, folder=tmp_path, on_epoch=lambda _: None)
    (tmp_path / LOGITS_FILE).unlink()
    monkeypatch.setattr(prediction_module, "prepare_images", fail)
    with pytest.raises(TeacherFailedError, match="memory did not hold the teacher and one image; choose a smaller"):
        teach(digits, TINY, seed=0, folder=tmp_path, on_epoch=lambda _: None)


def test_teacher_that_diverges_is_refused(digits: Dataset, tmp_path: Path) -> None:
    wild = TINY.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30})
    with pytest.raises(SettingError, match=r"the loss was no longer a number; lower .*learning_rate \(1e.30\)"):
        teach(digits, wild, seed=0, folder=tmp_path, on_epoch=lambda _: None)
    assert not (tmp_path / LOGITS_FILE).exists()
