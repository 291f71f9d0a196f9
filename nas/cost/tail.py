"""The arena's tail: what the TFLM runtime keeps for good, as its allocator lays it out, for 32-bit MCUs and 64-bit hosts.

Layout (tensorflow/lite/micro/micro_allocator.cc, from the arena's end downwards): the allocator's own objects; one
TfLiteEvalTensor a tensor; one NodeAndRegistration an operator; the operators' parsed options; then, each rounded up to
16 bytes, every kernel's OpData and two int32 arrays a weighted operator (multiplier and shift of each output channel);
one handle a scratch buffer; the input and output TfLiteTensor. Options and OpData sizes are those of the kernels' C structs.

Calibrated 2026-11-23 by `benchmarks/calibrate_costs.py` on 53 random architectures: residual 0 bytes on both runtimes.
Host: tflite-micro 0.dev20261023182759, x86-64. 32-bit: mcufit 0.5.2 (TFLM 18b9e6f2 as wasm32). CMSIS-NN's kernels
have other OpData and ask for scratch buffers; those are not covered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nas.cost.operators import OperatorKind, Step, align

# TfLiteConvParams, TfLiteDepthwiseConvParams, TfLiteLeakyReluParams, ...; the same 4-byte fields on both machines.
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
CHANNEL_BYTES: Final = 4  # one int32 a channel, in each of two arrays
NUM_CHANNEL_ARRAYS: Final = 2
MEAN_SCRATCH_BUFFERS: Final = 3
# what the allocator has used before the eval tensors, modulo 16: decides the padding before the first OpData
START_OFFSET: Final = 8


@dataclass(frozen=True, slots=True)
class Runtime:
    """Struct sizes, in bytes, of one build of TFLM. `conv_op_data` is also the depthwise convolution's."""

    pointer: int
    eval_tensor: int
    node: int
    conv_op_data: int
    fixed: int

    def op_data(self, kind: OperatorKind) -> int:
        """Arena bytes of one kernel's OpData (rounded up to 16)."""
        if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return self.conv_op_data
        return _OP_DATA_BYTES[kind]


# int32 and float fields only: equal on both machines. FULLY_CONNECTED's is part of the fixed bytes.
_OP_DATA_BYTES: Final[dict[OperatorKind, int]] = {
    "LEAKY_RELU": 32,
    "LOGISTIC": 16,
    "MUL": 48,
    "MEAN": 48,
    "ADD": 64,
    "FULLY_CONNECTED": 0,
}

HOST: Final = Runtime(pointer=8, eval_tensor=24, node=64, conv_op_data=80, fixed=800)
# The wasm32 build runs TFLM's benchmark program, which keeps 100 resource variables (2,016 bytes) and a recording
# allocator (112 bytes) that no firmware has: mcufit reads exactly 2,128 bytes more than a real ESP32 on four models.
WASM_BENCHMARK_BYTES: Final = 2128
MCU: Final = Runtime(pointer=4, eval_tensor=12, node=32, conv_op_data=64, fixed=2428 - WASM_BENCHMARK_BYTES)


@dataclass(frozen=True, slots=True)
class TailTerms:
    """What a run of operators adds to the tail of one runtime; terms of consecutive runs simply add up."""

    structs: int = 0  # eval tensors, nodes and options: laid out without gaps
    op_data: int = 0  # OpData and channel arrays: multiples of 16
    scratch_buffers: int = 0

    def __add__(self, other: TailTerms) -> TailTerms:
        return TailTerms(
            self.structs + other.structs, self.op_data + other.op_data, self.scratch_buffers + other.scratch_buffers
        )


def tail_terms(step: Step, runtime: Runtime) -> TailTerms:
    """The tail bytes of one operator: its output tensor, its constants' tensors, its node, options and OpData."""
    num_tensors = 3 if step.biases else 1  # the output; weights and bias
    arrays = NUM_CHANNEL_ARRAYS * align(CHANNEL_BYTES * step.biases)
    return TailTerms(
        structs=num_tensors * runtime.eval_tensor + runtime.node + OPTION_BYTES[step.op],
        op_data=runtime.op_data(step.op) + arrays,
        scratch_buffers=len(step.scratch),
    )


def tail_bytes(terms: TailTerms, runtime: Runtime) -> int:
    """The whole tail, from the terms of all operators."""
    shared_tensors = 2 * runtime.eval_tensor  # the image, and the axes that every MEAN shares
    handles = align(terms.scratch_buffers * runtime.pointer + runtime.pointer)
    return align(START_OFFSET + shared_tensors + terms.structs) + terms.op_data + handles + runtime.fixed


