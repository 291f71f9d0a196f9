"""A transformers classifier as a plain network: images in, logits out."""

from typing import Any

from torch import Tensor, nn


class LogitsOnly(nn.Module):
    """Returns only the logits of `model`'s output."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W)."""
        logits: Tensor = self.model(images).logits
        return logits
