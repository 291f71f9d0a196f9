"""The arena's tail: what the TFLM runtime keeps permanently, on 32-bit MCUs and on 64-bit hosts.

Layout (tensorflow/lite/micro/micro_allocator.cc, from the arena's end downwards): the allocator's own objects; one
TfLiteEvalTensor per tensor; one NodeAndRegistration per operator; the operators' parsed options; then, each rounded up
to 16 bytes, every kernel's OpData and two int32 arrays for each weighted operator (multiplier and shift of every output
channel); one handle per scratch buffer; the input and output TfLiteTensor. Options and OpData sizes are those of the
kernels' C structs.

Calibrated 2026-11-23 by `benchmarks/calibrate_costs.py`: residual 0 bytes on 140 random architectures on the host
(tflite-micro 0.dev20261023182759, x86-64) and on 135 of them in 32 bits (mcufit 0.5.2: TFLM 18b9e6f2 as wasm32).
CMSIS-NN's kernels have other OpData and ask for scratch buffers; those are not covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from nas.cost.operators import OperatorKind, Step, align

# TfLiteConvParams, TfLiteDepthwiseConvParams, TfLiteLeakyReluParams, ...: fields of 4 bytes, the same on both machines.
# FULLY_CONNECTED occurs once and is part of the fixed bytes, like everything else that every network has.
OPTION_BYTES: Final[dict[OperatorKind, int]] = {
    "CONV_2D": 28,
    "DEPTHWISE_CONV_2D": 28,
    "LEAKY_RELU": 4,
    "LOGISTIC": 0,
    "MUL": 4,
    "MEAN": 4,
    "ADD": 8,
    "FULLY_CONNECTED": 0,
}
# OpData in arena bytes: int32 and float fields, equal on both machines. The convolutions' holds pointers: see Runtime.
OP_DATA_BYTES: Final[dict[OperatorKind, int]] = {
    "CONV_2D": 0,
    "DEPTHWISE_CONV_2D": 0,
    "LEAKY_RELU": 32,
    "LOGISTIC": 16,
    "MUL": 48,
    "MEAN": 48,
    "ADD": 64,
    "FULLY_CONNECTED": 0,
}
NUM_CHANNEL_ARRAYS: Final = 2
CHANNEL_BYTES: Final = 4  # one int32 per channel in each array
# what the allocator has used before the eval tensors, modulo 16: decides the padding before the first OpData
START_OFFSET: Final = 8


@dataclass(frozen=True, slots=True)
class Runtime:
    """Struct sizes, in bytes, of one build of TFLM. `conv_op_data` is either convolution's OpData.

    `fixed` is what every network has; `late` the part of it, input and output TfLiteTensor, that comes after planning.
    """

    pointer: int
    eval_tensor: int
    node: int
    conv_op_data: int
    fixed: int
    late: int


HOST: Final = Runtime(pointer=8, eval_tensor=24, node=64, conv_op_data=80, fixed=800, late=208)
# The wasm32 build runs TFLM's benchmark program, which keeps 100 resource variables (2,016 bytes) and a recording
# allocator (112 bytes) that no firmware has: mcufit reads exactly 2,128 bytes more than a real ESP32 on four models.
WASM_BENCHMARK_BYTES: Final = 2128
# `late` follows from the sizes of its structs; mcufit's arena has a fixed size, so it cannot be measured there.
MCU: Final = Runtime(pointer=4, eval_tensor=12, node=32, conv_op_data=64, fixed=2428 - WASM_BENCHMARK_BYTES, late=112)


class TailTerms(NamedTuple):
    """What a run of operators adds to the tail; the terms of consecutive runs simply add up.

    `tensors` counts activations and constants; `op_data` is arena bytes without the convolutions' OpData.
    """

    operators: int
    tensors: int
    convolutions: int
    options: int
    op_data: int
    scratch_buffers: int


def tail_terms(steps: Sequence[Step]) -> TailTerms:
    """The tail terms of a run of operators."""
    tensors, convolutions, options, op_data, scratch_buffers = len(steps), 0, 0, 0, 0
    for step in steps:
        options += OPTION_BYTES[step.op]
        op_data += OP_DATA_BYTES[step.op]
        if step.biases:
            tensors += 2  # weights and bias
            convolutions += step.op != "FULLY_CONNECTED"
            op_data += NUM_CHANNEL_ARRAYS * align(CHANNEL_BYTES * step.biases)
        else:
            scratch_buffers += len(step.scratch)
    return TailTerms(len(steps), tensors, convolutions, options, op_data, scratch_buffers)


def tail_bytes(terms: TailTerms, runtime: Runtime) -> int:
    """The whole tail, from the terms of all operators."""
    tensors = terms.tensors + 2  # the image, and the axes that every MEAN shares
    structs = tensors * runtime.eval_tensor + terms.operators * runtime.node + terms.options
    handles = (terms.scratch_buffers + 1) * runtime.pointer  # and the pointer to the input tensor
    op_data = terms.op_data + terms.convolutions * runtime.conv_op_data
    return align(START_OFFSET + structs) + op_data + align(handles) + runtime.fixed
