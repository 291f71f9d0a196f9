"""The one way from stored pixels to network input: training, calibration, the TFLM evaluation and firmware agree.

This module alone of `nas.datasets` imports torch; nothing that runs before training or export imports it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional


def prepare_images(
    images: UInt8[np.ndarray, "batch in_height in_width channels"],
    height: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
    device: str | torch.device = "cpu",
) -> Float[Tensor, "batch channels {height} {width}"]:
    """Float32 images (N, C, height, width) on `device`: resized, scaled to [0, 1], (x - mean) / std per channel."""
    moved = torch.from_numpy(np.ascontiguousarray(images)).to(device)  # as uint8, a quarter of the bytes
    pixels = moved.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)
    return normalize_pixels(resize_pixels(pixels.float(), height, width), mean, std)


def resize_pixels(
    pixels: Float[Tensor, "batch channels in_height in_width"], height: int, width: int
) -> Float[Tensor, "batch channels {height} {width}"]:
    """Bilinear with half-pixel centres and no antialiasing: four taps per pixel, which firmware can repeat in C."""
    if pixels.shape[2:] == (height, width):
        return pixels
    return functional.interpolate(pixels, (height, width), mode="bilinear", align_corners=False, antialias=False)


def normalize_pixels(
    pixels: Float[Tensor, "batch channels height width"], mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor
) -> Float[Tensor, "batch channels height width"]:
    """Pixels 0..255 to (pixel / 255 - mean) / std, per channel."""
    centre = torch.as_tensor(mean, device=pixels.device).reshape(1, -1, 1, 1)
    spread = torch.as_tensor(std, device=pixels.device).reshape(1, -1, 1, 1)
    return (pixels / 255 - centre) / spread
