"""A camera frame to the network's int8 input in integers: what firmware/preprocess.c computes, bit for bit.

Training resizes and normalizes in float32 (`nas.datasets.preprocess`), whose last bit depends on the machine. Firmware
needs the same input on every core and with every compiler, so the bilinear sum is kept as an exact integer, pixel * 4 *
width * height, and one multiplication in fixed point normalizes and quantizes it. The two differ by at most 1, where
the float value lies at a rounding boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nas.datasets.images import Images
from nas.export.tflite import Quantization
from nas.space.architecture import Task

_MULTIPLIER_BITS = 31  # times a sum below 2^28 (512 pixels a side) this stays below 2^59
_OFFSET_BITS = 62  # and the sum of both within an int64

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PixelAffine:
    """q = (sum * multiplier + offset) >> shift per channel; the offset holds the half that rounds."""

    shift: int
    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]


def fit_affine(task: Task, mean: Sequence[float], std: Sequence[float], quantization: Quantization) -> PixelAffine:
    """The fixed-point form of ((pixel / 255 - mean) / std) / scale + zero point, for sums of `task`'s input size."""
    scale, unit = Fraction(quantization.scale), 255 * 4 * task.width * task.height
    slopes = [1 / (unit * Fraction(deviation) * scale) for deviation in std]
    biases = [
        quantization.zero_point - Fraction(centre) / (Fraction(deviation) * scale) + Fraction(1, 2)
        for centre, deviation in zip(mean, std, strict=True)
    ]
    largest_bias = max(abs(bias) for bias in biases)
    shift = 0
    # rounded, as they will be stored: just below the limit is not below it
    while (
        round(max(slopes) * 2 ** (shift + 1)) < 2**_MULTIPLIER_BITS
        and round(largest_bias * 2 ** (shift + 1)) < 2**_OFFSET_BITS
    ):
        shift += 1
    multipliers = tuple(round(slope * 2**shift) for slope in slopes)
    return PixelAffine(shift, multipliers, tuple(round(bias * 2**shift) for bias in biases))


def quantize_frames(frames: Images, task: Task, affine: PixelAffine) -> NDArray[np.int8]:
    """int8 input (N, height, width, channels) of frames (N, h, w, 1 or 3) of any size, as in firmware/preprocess.c.

    The frame is stretched: bilinear, half-pixel centres, no antialiasing. Grayscale fills every channel; RGB becomes
    ITU-R 601 luma for a network of one channel.
    """
    pixels = _match_channels(frames, task.channels)
    upper, lower, upper_weight, lower_weight = _taps(task.height, pixels.shape[1])
    rows = upper_weight[:, None, None] * pixels[:, upper] + lower_weight[:, None, None] * pixels[:, lower]
    left, right, left_weight, right_weight = _taps(task.width, pixels.shape[2])
    sums = left_weight[:, None] * rows[:, :, left] + right_weight[:, None] * rows[:, :, right]
    scaled = sums * np.array(affine.multipliers, np.int64) + np.array(affine.offsets, np.int64)
    return np.asarray(np.clip(scaled >> affine.shift, -128, 127), np.int8)


def _match_channels(frames: Images, channels: int) -> Integers:
    pixels = frames.astype(np.int64)
    if channels == 1 and pixels.shape[3] == 3:
        luma = (pixels @ np.array([19595, 38470, 7471], np.int64) + 32768) >> 16  # as Pillow's convert("L")
        return np.asarray(luma[..., np.newaxis], np.int64)
    return np.broadcast_to(pixels, (*pixels.shape[:3], channels))


def _taps(outputs: int, inputs: int) -> tuple[Integers, Integers, Integers, Integers]:
    """First and second source position of every output position, and their weights in 1 / (2 * outputs)."""
    unit = 2 * outputs
    positions = np.maximum((2 * np.arange(outputs, dtype=np.int64) + 1) * inputs - outputs, 0)
    first = positions // unit
    second = np.minimum(first + 1, inputs - 1)
    return first, second, unit - positions % unit, positions % unit
