"""Bytes of the `.tflite` file, and of the flash it takes together with the runtime's code.

A file is its int8 weights, exactly; 28 bytes an output channel of a weighted operator, exactly (int32 bias, and for weights
and bias a float32 scale and an int64 zero point); and a share of tables, names and padding for each operator, which
differs by a few bytes with the length of names and the padding of flatbuffers: those coefficients are fitted.

Fitted 2026-11-23 by `benchmarks/calibrate_costs.py` on 60 random architectures (tensorflow 2.21.0): residual at most
39 bytes, 0.04% of the file.
"""

from __future__ import annotations

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
SE_BYTES: Final = -314.7  # a gate's operators have shorter names than the others of their kind

# The runtime and the kernels of the eight operators. mcufit 0.5.2 measured, firmware minus an empty sketch, 84,528 bytes
# on a Nano 33 BLE and 114,579 on an Arduino Nano ESP32; the larger, rounded up to 112 KiB. An application's own code,
# an RTOS and radio stacks come on top.
RUNTIME_CODE_BYTES: Final = 112 * 1024


def file_bytes(step: Step) -> float:
    """What one operator adds to the file."""
    gate = SE_BYTES if step.name == "se_reduce" else 0.0
    return step.weights + CHANNEL_BYTES * step.biases + OPERATOR_BYTES[step.op] + gate


def tflite_bytes(operators_bytes: float) -> int:
    """Bytes of the whole file, from the sum of `file_bytes` over all operators."""
    return round(FILE_BYTES + operators_bytes)


def flash_bytes(tflite: int) -> int:
    """Flash for the file and the runtime's code."""
    return tflite + RUNTIME_CODE_BYTES
