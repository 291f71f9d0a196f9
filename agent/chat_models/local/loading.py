"""Transformers models and tokenizers from a folder or the hub, and the device and number format they run in."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ChatModelError

if TYPE_CHECKING:
    import torch


def load_tokenizer(source: str | Path, *, hub: bool) -> Any:
    """The tokenizer of the model `source`; raises ChatModelError unless it is a fast one with a chat template."""
    _prepare_transformers()
    from transformers import AutoTokenizer

    with _told_in_one_line(source, hub=hub):
        tokenizer = _load(AutoTokenizer, source, hub=hub)
    if not tokenizer.is_fast:
        raise ChatModelError(f"{source} must have a fast tokenizer (tokenizer.json): choose another model")
    if not tokenizer.chat_template:
        rule = f"{source} must have a chat template, which this model lacks"
        raise ChatModelError(f"{rule}: choose the model's instruct or chat version")
    return tokenizer


def load_model(source: str | Path, *, device: torch.device, dtype: torch.dtype, hub: bool) -> Any:
    """The causal language model of `source` on `device`; raises ChatModelError when it is unavailable."""
    _prepare_transformers()
    from transformers import AutoModelForCausalLM

    from nas.training.out_of_memory import is_out_of_memory

    with _told_in_one_line(source, hub=hub):
        # safetensors alone: the other formats are pickles
        model = _load(AutoModelForCausalLM, source, hub=hub, dtype=dtype, use_safetensors=True)
    try:
        return model.eval().to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        rule = f"{device} must have memory for {source}"
        raise ChatModelError(f"{rule}; choose device cpu, dtype bfloat16 or a smaller model") from error


def choose_device(device: str) -> torch.device:
    """The device of that name, "auto" being the first CUDA device if any; raises ChatModelError where there is none."""
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = torch.device(device)
    num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if place.type == "cuda" and (place.index or 0) >= num_devices:
        rule = f"device {device} must be there; PyTorch sees {num_devices} CUDA devices"
        raise ChatModelError(f"{rule}: choose cpu or auto, or install the driver and a CUDA build of PyTorch")
    return place


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The number format of that name, "auto" being bfloat16 where `device` computes it natively, else float32.

    Measured on two cores: bfloat16 reads a forced chunk of four tokens in 57 ms, float32 in 78 ms.
    """
    import torch

    if dtype != "auto":
        named: torch.dtype = getattr(torch, dtype)
        return named
    if device.type == "cuda":
        is_native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        is_native = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if is_native else torch.float32


def _load(kind: Any, source: str | Path, *, hub: bool, **settings: Any) -> Any:
    """What is on this machine, the hub's cache included; failing that, and if `hub` allows, a download.

    The cache comes first so that a run needs the network only once and always gets the same weights.
    """
    from transformers.utils import logging

    try:
        return kind.from_pretrained(source, local_files_only=True, **settings)
    except OSError:
        if not hub:
            raise
    if sys.stderr.isatty():
        logging.enable_progress_bar()
    try:
        return kind.from_pretrained(source, local_files_only=False, **settings)
    finally:
        logging.disable_progress_bar()


def _prepare_transformers() -> None:
    from nas.training.torchvision_import import import_torchvision

    import_torchvision()  # transformers imports it
    # Otherwise transformers asks a service of the hub to convert pickled weights, and waits for it.
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    logging.disable_progress_bar()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # every failed try would be a line


@contextmanager
def _told_in_one_line(source: str | Path, *, hub: bool) -> Iterator[None]:
    """Turns what goes wrong inside into a one-line ChatModelError."""
    from httpx import HTTPError

    remedy = "check its name and the network" if hub else "check the path"
    try:
        yield
    except (OSError, ValueError, ImportError, HTTPError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        if not hub and not Path(source).exists():
            reason = "there is no such folder, and the hub's cache holds no such model"
        rule = f"{source} must hold a transformers causal language model with safetensors"
        raise ChatModelError(f"{rule}: {reason}; {remedy}") from error
