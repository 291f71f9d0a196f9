"""Bytes of the `.tflite` file, and of the flash it takes together with the runtime's code.

A file is its int8 weights, exactly; 28 bytes an output channel of a weighted operator, exactly (an int32 bias; for
weights and for bias a float32 scale and an int64 zero point); and a share of tables, names and padding for each
operator, which differs by a few bytes with the length of names and with alignment: those coefficients are fitted.

Fitted 2026-11-23 by `benchmarks/calibrate_costs.py` on 60 random architectures (tensorflow 2.21.0): residual at most
39 bytes, 0.04% of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nas.cost.operators import OperatorKind, Step

CHANNEL_BYTES: Final = 28
FILE_BYTES: Final = 857.1
OPERATOR_BYTES: Final[dict[OperatorKind, float]] = {
    "CONV_2D": 729.5,
    "DEPTHWISE_CONV_2D": 685.1,
    "LEAKY_RELU": 109.4,
    "LOGISTIC": 140.4,
    "MUL": 140.4,
    "MEAN": 542.4,
    "ADD": 183.7,
    "FULLY_CONNECTED": 0.0,  # one in every file: part of FILE_BYTES
}
GATE_BYTES: Final = -314.7  # the names of a gate's operators are shorter than those of the others of their kind
GATE_STEP: Final = "se_reduce"

# The runtime and the kernels of the eight operators. mcufit 0.5.2 measured, firmware minus an empty sketch, 84,528
# bytes on a Nano 33 BLE and 114,579 on an Arduino Nano ESP32; the larger, rounded up to 112 KiB. An application's own
# code, an RTOS and radio stacks come on top.
RUNTIME_CODE_BYTES: Final = 112 * 1024


def file_bytes(steps: Sequence[Step]) -> float:
    """What a run of operators adds to the file."""
    total = 0.0
    for step in steps:
        total += step.weights + CHANNEL_BYTES * step.biases + OPERATOR_BYTES[step.op]
        if step.name == GATE_STEP:
            total += GATE_BYTES
    return total


def tflite_bytes(operators_bytes: float) -> int:
    """Bytes of the whole file, from the sum of `file_bytes` over all operators."""
    return round(FILE_BYTES + operators_bytes)


def flash_bytes(tflite: int) -> int:
    """Flash for the file and the runtime's code."""
    return tflite + RUNTIME_CODE_BYTES
