"""Bytes of the `.tflite` file, and of the flash it takes together with the runtime's code.

A file is its int8 weights, exactly; 28 bytes per output channel of a weighted operator, exactly (an int32 bias; for
weights and for bias a float32 scale and an int64 zero point); and a share of tables, names and padding for each
operator, which differs by a few bytes with the length of names and with alignment: those coefficients are fitted.

Fitted 2026-11-23 by `benchmarks/calibrate_costs.py` (tensorflow 2.21.0) on 70 random architectures of 1 to 5 stages;
on 70 others the residual is at most 72 bytes, 0.3% of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nas.cost.operators import Step
from nas.quantities import KIB

CHANNEL_BYTES: Final = 28
FILE_BYTES: Final = 2099.1  # what every file has: tables, stem, pooling, classifier
# By step; a fused activation lengthens the names of a convolution's tensors. A gate's five operators count at its pool,
# a swish's two at its product.
STEP_BYTES: Final[dict[str, float]] = {
    "expand": 616.9,
    "expand+relu6": 730.4,
    "depthwise": 451.7,
    "depthwise+relu6": 482.7,
    "project": 934.4,
    "add": 186.8,
    "se_pool": 1965.9,
    "expand_leaky_relu": 223.8,
    "expand_swish": 393.1,
    "depthwise_leaky_relu": 139.8,
    "depthwise_swish": 312.0,
}

# The runtime and the kernels of the eight operators. mcufit 0.5.2 measured, firmware minus an empty sketch, 84,528
# bytes on a Nano 33 BLE and 114,579 on an Arduino Nano ESP32; the larger, rounded up to 112 KiB. An application's own
# code, an RTOS and radio stacks come on top.
RUNTIME_CODE_BYTES: Final = 112 * KIB


def step_key(name: str, fused: str) -> str:
    """The key of an operator in STEP_BYTES."""
    return f"{name}+{fused}" if fused else name


def file_bytes(steps: Sequence[Step]) -> float:
    """Bytes that a run of operators adds to the file."""
    total = 0.0
    for step in steps:
        total += step.weights + CHANNEL_BYTES * step.biases + STEP_BYTES.get(step_key(step.name, step.fused), 0.0)
    return total


def tflite_bytes(operators_bytes: float) -> int:
    """Bytes of the whole file, from the sum of `file_bytes` over all operators."""
    return round(FILE_BYTES + operators_bytes)


def flash_bytes(tflite: int) -> int:
    """Flash for the file and the runtime's code."""
    return tflite + RUNTIME_CODE_BYTES
