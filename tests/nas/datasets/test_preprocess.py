"""Preparing images: the same four-tap resize and normalization that firmware has to repeat."""

from __future__ import annotations

import numpy as np
import torch

from nas.datasets.preprocess import prepare_images


def resize_by_hand(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear with half-pixel centres, clamped at the border: the C loop, in Python."""
    result = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = max((row + 0.5) * image.shape[0] / height - 0.5, 0)
            x = max((column + 0.5) * image.shape[1] / width - 0.5, 0)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, image.shape[0] - 1), min(left + 1, image.shape[1] - 1)
            upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
            lower = image[bottom, left] * (1 - (x - left)) + image[bottom, right] * (x - left)
            result[row, column] = upper * (1 - (y - top)) + lower * (y - top)
    return result


def test_resize_equals_the_loop_that_firmware_runs() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 6, 1), dtype=np.uint8)
    for height, width in ((32, 24), (11, 5), (8, 6)):
        prepared = prepare_images(images, height, width, (0.0,), (1.0,))
        for image, ours in zip(images, prepared, strict=True):
            expected = resize_by_hand(image[..., 0].astype(float), height, width) / 255
            np.testing.assert_allclose(ours[0].numpy(), expected, atol=1e-6)


def test_each_channel_is_normalized_by_its_own_figures() -> None:
    images = np.full((1, 4, 4, 2), 51, np.uint8)
    prepared = prepare_images(images, 4, 4, (0.1, 0.2), (0.5, 0.1))
    assert prepared.shape == (1, 2, 4, 4)
    assert prepared.dtype == torch.float32
    torch.testing.assert_close(prepared[0, :, 0, 0], torch.tensor([0.2, 0.0]))
