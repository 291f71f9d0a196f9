"""Where training runs."""

from __future__ import annotations

import torch

from nas.errors import SettingError


def choose_device(device: str) -> str:
    """ "cpu" or "cuda" for auto, cpu or cuda; raises SettingError for cuda without a CUDA device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingError("training.device cuda must be there; PyTorch sees none; choose cpu or auto")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
