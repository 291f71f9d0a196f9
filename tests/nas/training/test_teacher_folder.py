"""External teachers: fine-tuned here, timm's and transformers', and clear errors about unavailable ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import nas.training.teacher as teacher_module
from nas.datasets import Dataset, load_dataset
from nas.datasets.preprocess import prepare_images
from nas.errors import SettingError
from nas.training import TeacherSettings
from nas.training.teacher import Teaching, teach
from nas.training.teacher_folder import CONFIG_FILE, WEIGHTS_FILE, find_teacher, load_teacher
from nas.training.teacher_tuning import tune_teacher

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


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=64)


@pytest.fixture(scope="module")
def tuned(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    tune_teacher(digits, TINY, seed=0, folder=folder, on_epoch=lambda _: None)
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny transformers ViT for coloured 16x16 images, random weights."""
    from nas.training.torchvision_import import import_torchvision

    import_torchvision()
    from transformers import ViTConfig, ViTForImageClassification

    shape: dict[str, Any] = {"image_size": 16, "patch_size": 8, "hidden_size": 16, "intermediate_size": 32}
    config = ViTConfig(**shape, num_hidden_layers=1, num_attention_heads=2, num_labels=10)
    folder = tmp_path_factory.mktemp("vit")
    ViTForImageClassification(config).save_pretrained(folder)
    return folder


def ask(source: Path | str, data: Dataset, folder: Path, cache: Path | None = None) -> Teaching:
    settings = TINY.model_copy(update={"source": str(source)})
    return teach(data, settings, seed=0, folder=folder, cache=cache, on_epoch=pytest.fail)


def test_fine_tuned_teacher_answers_as_it_did_when_it_was_trained(digits: Dataset, tuned: Path, tmp_path: Path) -> None:
    teaching = ask(tuned, digits, tmp_path)
    config = json.loads((tuned / CONFIG_FILE).read_text())
    assert teaching.validation_accuracy == config["validation_accuracy"]
    network = load_teacher(find_teacher(str(tuned)))
    with torch.inference_mode():
        expected = network(prepare_images(digits.train.images, 8, 8, digits.mean, digits.std))
    assert torch.allclose(teaching.logits, expected, atol=1e-5)


def test_transformers_teacher_sees_grey_images_in_its_own_size_and_channels(
    digits: Dataset, vit: Path, tmp_path: Path
) -> None:
    teaching = ask(vit, digits, tmp_path)
    card = find_teacher(str(vit), 10)
    grey = digits.train.images.repeat(3, axis=3)
    with torch.inference_mode():
        expected = load_teacher(card)(prepare_images(grey, 16, 16, card.mean, card.std))
    assert torch.allclose(teaching.logits, expected, atol=1e-5)


def test_complete_cache_is_read_by_another_run_without_loading_the_teacher(
    digits: Dataset, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(tuned, digits, tmp_path / "one", tmp_path / "cache")
    monkeypatch.setattr(teacher_module, "load_teacher", pytest.fail)
    again = ask(tuned, digits, tmp_path / "two", tmp_path / "cache")
    assert again.cached
    assert torch.equal(again.logits, first.logits)
    assert not (tmp_path / "two").exists()


def test_other_data_or_other_weights_are_answered_anew(digits: Dataset, tuned: Path, vit: Path, tmp_path: Path) -> None:
    ask(tuned, digits, tmp_path)
    assert not ask(vit, digits, tmp_path).cached
    other = load_dataset("digits", validation_fraction=0.2, seed=1, train_limit=64)
    assert not ask(tuned, other, tmp_path).cached
    assert ask(tuned, digits, tmp_path).cached


def test_interrupted_answering_goes_on_after_its_last_chunk(
    digits: Dataset, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(tuned, digits, tmp_path / "whole")
    monkeypatch.setattr(teacher_module, "CHUNK_IMAGES", 20)
    asked: list[int] = []
    real = teacher_module.predict_logits

    def predict(network: Any, images: Any, *others: Any) -> Any:
        asked.append(len(images))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(network, images, *others)

    monkeypatch.setattr(teacher_module, "predict_logits", predict)
    with pytest.raises(KeyboardInterrupt):
        ask(tuned, digits, tmp_path / "broken")
    resumed = ask(tuned, digits, tmp_path / "broken")
    assert asked == [20, 20, 20, 20, 4]
    assert torch.allclose(resumed.logits, whole.logits, atol=1e-5)
    assert resumed.validation_accuracy == whole.validation_accuracy


def test_base_keeps_its_body_and_gets_a_head_for_the_data(digits: Dataset, tuned: Path, tmp_path: Path) -> None:
    few = load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=32)
    base = load_teacher(find_teacher(str(tuned)), num_classes=3)
    with torch.inference_mode():
        assert base(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    slow = TINY.model_copy(update={"source": str(tuned), "epochs": 1, "learning_rate": 1e-9})
    tune_teacher(few, slow, seed=0, folder=tmp_path, on_epoch=lambda _: None)
    kept, original = (load_teacher(find_teacher(str(folder))).state_dict() for folder in (tmp_path, tuned))
    assert torch.allclose(kept["blocks.0.mlp.fc1.weight"], original["blocks.0.mlp.fc1.weight"], atol=1e-6)


def test_interrupted_fine_tuning_ends_with_the_same_weights(digits: Dataset, tuned: Path, tmp_path: Path) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_teacher(digits, TINY, seed=0, folder=tmp_path, on_epoch=stop)
    assert not (tmp_path / CONFIG_FILE).exists()
    tune_teacher(digits, TINY, seed=0, folder=tmp_path, on_epoch=lambda _: None)
    assert (tmp_path / WEIGHTS_FILE).read_bytes() == (tuned / WEIGHTS_FILE).read_bytes()


def test_teacher_of_other_classes_is_refused_with_the_command_that_helps(tuned: Path) -> None:
    with pytest.raises(SettingError, match=r"data's 100 classes; .* has 10; fine-tune one with `teacher --base"):
        find_teacher(str(tuned), 100)


def test_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(SettingError, match=r"must have model\.safetensors"):
        find_teacher(str(tmp_path))


@pytest.mark.parametrize(
    "config", ["", "[]", "{}", '{"architecture": "vit_tiny_patch16_224"}', '{"model_type": "vit", "id2label": 3}']
)
def test_config_that_says_too_little_is_refused_in_a_line(config: str, tmp_path: Path) -> None:
    (tmp_path / WEIGHTS_FILE).touch()
    (tmp_path / CONFIG_FILE).write_text(config)
    with pytest.raises(SettingError, match="must describe a classifier"):
        find_teacher(str(tmp_path))


@pytest.mark.parametrize(("field", "value"), [("architecture", "hf_hub:somebody/something"), ("model_args", {"x": 1})])
def test_config_that_names_another_network_loads_nothing(
    field: str, value: object, tuned: Path, tmp_path: Path
) -> None:
    config = json.loads((tuned / CONFIG_FILE).read_text()) | {field: value}
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config))
    (tmp_path / WEIGHTS_FILE).write_bytes((tuned / WEIGHTS_FILE).read_bytes())
    with pytest.raises(SettingError, match="must hold the weights of a timm"):
        load_teacher(find_teacher(str(tmp_path)))


def test_hub_teacher_that_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingError, match=r"hf:nobody/nothing must be on this machine or the hub; .*source=train"):
        find_teacher("hf:nobody/nothing")
