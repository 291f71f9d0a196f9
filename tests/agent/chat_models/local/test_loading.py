"""Local models from folders and the hub: what is missing is one line, pickles are never read."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tool_templates import HERMES, save_tiny_model

from agent.chat_models.local.engine import load_engine
from agent.chat_models.local.loading import choose_device, choose_dtype
from nas.errors import ChatModelError


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, smollm2_folder: Path) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("model"), smollm2_folder, HERMES)


@pytest.fixture
def folder(tmp_path: Path, tiny_folder: Path) -> Path:
    for path in tiny_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_number_format_is_the_one_asked_for(folder: Path, dtype: str) -> None:
    engine = load_engine(str(folder), device="cpu", dtype=dtype)
    assert engine.model.dtype == getattr(torch, dtype)
    assert engine.model.device == torch.device("cpu")


def test_without_a_chat_template_the_remedy_is_another_version(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(
        ChatModelError, match=r"must have a chat template.*: choose the model's instruct or chat version"
    ):
        load_engine(folder)


def test_pickled_weights_are_not_read(folder: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (folder / "sprung",)  # type: ignore[return-value]

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(
        ChatModelError, match=r"must hold a transformers causal language model with safetensors: .*"
    ) as told:
        load_engine(folder)
    assert "\n" not in str(told.value)
    assert not (folder / "sprung").exists()


def test_code_of_a_repository_is_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "strange",
        "auto_map": {"AutoConfig": "strange.Strange", "AutoModelForCausalLM": "strange.S"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "strange.py").write_text(f"open({str(folder / 'sprung')!r}, 'w')")
    with pytest.raises(ChatModelError, match="must hold a transformers causal language model"):
        load_engine(folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize("hub", [False, True])
def test_a_model_that_is_nowhere_is_one_line(hub: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ChatModelError) as told:
        load_engine("kilosmith/nowhere", hub=hub)
    reason = "Can't load|couldn't connect" if hub else "there is no such folder"
    remedy = "check its name and the network" if hub else "check the path"
    assert re.fullmatch(rf"kilosmith/nowhere must hold .*({reason})[^\n]*; {remedy}", str(told.value))


def test_a_device_that_is_not_there_is_one_line(folder: Path) -> None:
    with pytest.raises(
        ChatModelError, match=r"device cuda:99 must be there; PyTorch sees \d+ CUDA devices: choose cpu"
    ):
        load_engine(folder, device="cuda:99")


def test_auto_takes_what_the_machine_has() -> None:
    device = choose_device("auto")
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_dtype("auto", device) in (torch.bfloat16, torch.float32)


def test_auto_is_float32_on_a_gpu_that_only_emulates_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=7))
    assert choose_dtype("auto", torch.device("cuda")) == torch.float32
