"""The TFLM operators of the int8 model an architecture exports to: the one list every cost is read from.

A block is described once, as `Step`s (`block_steps`). `lower` strings them together with names and places for reports;
`stage_costs.py` adds the same steps up for the fast price. Shapes are (H, W, C) or (C,), the batch of one omitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from nas.space.architecture import ActivationKind, Architecture, BlockPlan, Task, plan_blocks, same_output

OperatorKind: TypeAlias = Literal[
    "CONV_2D", "DEPTHWISE_CONV_2D", "LEAKY_RELU", "LOGISTIC", "MUL", "MEAN", "ADD", "FULLY_CONNECTED"
]
Place: TypeAlias = int | Literal["stem", "head"]

ARENA_ALIGNMENT = 16  # TFLM's MicroArenaBufferAlignment()
_INT32_BYTES = 4


def align(num_bytes: int) -> int:
    """Bytes a buffer takes in the arena: rounded up to TFLM's alignment of 16."""
    return -(-num_bytes // ARENA_ALIGNMENT) * ARENA_ALIGNMENT


class Step(NamedTuple):
    """One operator within a block. `inputs` are activations only: 0 is the block's input, k the k-th step's output.

    `weights` is the number of int8 weights and `biases` of int32 biases; both 0 for operators without constants.
    `output_bytes` is the size of the int8 output, `scratch` the sizes of the scratch buffers that the kernel asks for;
    `fused` is the activation that runs inside the operator, "" if none.
    `params` counts the float network's parameters that end in this operator: a batch norm's scale and shift count
    where they are folded, so that the parameters of all operators sum to the torch network's.
    """

    op: OperatorKind
    name: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    output_bytes: int
    macs: int = 0
    params: int = 0
    weights: int = 0
    biases: int = 0
    fused: str = ""
    scratch: tuple[int, ...] = ()


def _convolution(
    name: str,
    source: int,
    kernel: int,
    in_channels: int,
    shape: tuple[int, int, int],
    *,
    normed: bool = True,
    fused: str = "",
) -> Step:
    height, width, channels = shape
    weights = kernel * kernel * in_channels * channels
    # with batch norm: scale and shift, no bias of its own; else one bias. Int8 has one bias per channel either way
    return Step(
        op="CONV_2D",
        name=name,
        inputs=(source,),
        shape=shape,
        output_bytes=height * width * channels,
        macs=weights * height * width,
        params=weights + (2 if normed else 1) * channels,
        weights=weights,
        biases=channels,
        fused=fused,
    )


def depthwise_weights(kernel: int, channels: int) -> int:
    """Weights of a depthwise convolution: one filter per channel."""
    return kernel * kernel * channels


def _depthwise(source: int, kernel: int, shape: tuple[int, int, int], fused: str) -> Step:
    height, width, channels = shape
    weights = depthwise_weights(kernel, channels)
    return Step(
        op="DEPTHWISE_CONV_2D",
        name="depthwise",
        inputs=(source,),
        shape=shape,
        output_bytes=height * width * channels,
        macs=weights * height * width,
        params=weights + 2 * channels,
        weights=weights,
        biases=channels,
        fused=fused,
    )


def _mean(name: str, source: int, shape: tuple[int, ...]) -> Step:
    channels = shape[-1]
    # scratch: an int32 sum per channel, the index into four axes, the two axes
    scratch = (_INT32_BYTES * channels, _INT32_BYTES * 4, _INT32_BYTES * 2)
    return Step("MEAN", name, (source,), shape, channels, scratch=scratch)


def _append_activation(steps: list[Step], activation: ActivationKind, name: str) -> None:
    """ReLU6 is fused into the convolution before it; LeakyReLU and Swish = x * sigmoid(x) are separate operators."""
    source, shape, size = len(steps), steps[-1].shape, steps[-1].output_bytes
    if activation == "leaky_relu":
        steps.append(Step("LEAKY_RELU", f"{name}_leaky_relu", (source,), shape, size))
    elif activation == "swish":
        steps.append(Step("LOGISTIC", f"{name}_sigmoid", (source,), shape, size))
        steps.append(Step("MUL", f"{name}_swish", (source, source + 1), shape, size))


def _append_gate(steps: list[Step], se_channels: int) -> None:
    """Squeeze-and-excitation, eq. 3 and 4 with the gate applied once; its ReLU is fused."""
    source, shape, size = len(steps), steps[-1].shape, steps[-1].output_bytes
    channels = shape[2]
    steps.append(_mean("se_pool", source, (1, 1, channels)))
    steps.append(_convolution("se_reduce", source + 1, 1, channels, (1, 1, se_channels), normed=False, fused="relu"))
    steps.append(_convolution("se_expand", source + 2, 1, se_channels, (1, 1, channels), normed=False))
    steps.append(Step("LOGISTIC", "se_sigmoid", (source + 3,), (1, 1, channels), channels))
    steps.append(Step("MUL", "se_scale", (source, source + 4), shape, size))


def block_steps(plan: BlockPlan) -> tuple[Step, ...]:
    """The operators of one block in execution order (equations 2-8, batch norm folded)."""
    in_size, out_size = (plan.in_height, plan.in_width), (plan.out_height, plan.out_width)
    fused = "relu6" if plan.activation == "relu6" else ""
    steps: list[Step] = []
    if plan.kind == "MBConv":
        steps.append(_convolution("expand", 0, 1, plan.in_channels, (*in_size, plan.hidden_channels), fused=fused))
        _append_activation(steps, plan.activation, "expand")
    steps.append(_depthwise(len(steps), plan.kernel_size, (*out_size, plan.hidden_channels), fused))
    _append_activation(steps, plan.activation, "depthwise")
    if plan.se_channels:
        _append_gate(steps, plan.se_channels)
    steps.append(_convolution("project", len(steps), 1, plan.hidden_channels, (*out_size, plan.out_channels)))
    if plan.residual:
        steps.append(Step("ADD", "add", (0, len(steps)), steps[-1].shape, steps[-1].output_bytes))
    return tuple(steps)


def stem_steps(task: Task) -> tuple[Step, ...]:
    """The stem: one convolution 3x3 with stride 2 and fused ReLU6."""
    size = same_output(task.height, 2), same_output(task.width, 2)
    return (_convolution("stem", 0, 3, task.channels, (*size, task.stem_channels), fused="relu6"),)


def classifier_steps(task: Task, in_channels: int) -> tuple[Step, ...]:
    """The classifier: global average pooling and one linear layer."""
    weights = in_channels * task.num_classes
    pool = _mean("head_pool", 0, (in_channels,))
    linear = Step(
        op="FULLY_CONNECTED",
        name="head",
        inputs=(1,),
        shape=(task.num_classes,),
        output_bytes=task.num_classes,
        macs=weights,
        params=weights + task.num_classes,
        weights=weights,
        biases=task.num_classes,
    )
    return pool, linear


@dataclass(frozen=True, slots=True)
class Tensor:
    """One activation tensor: shape (H, W, C) or (C,), and the bytes of its int8 values."""

    name: str
    shape: tuple[int, ...]
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator with its place. `inputs` and `output` index `OperatorList.tensors`; `scratch` is in bytes."""

    index: int
    op: OperatorKind
    name: str
    stage: Place
    block: int | None
    macs: int
    params: int
    weights: int
    biases: int
    inputs: tuple[int, ...]
    output: int
    output_shape: tuple[int, ...]
    scratch: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OperatorList:
    """All operators in execution order. Tensor 0 is the image, tensor k + 1 the output of operator k."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers; products of gates and batch norm count 0."""
        return sum(operator.macs for operator in self.operators)

    @property
    def params(self) -> int:
        """Parameters of the float network."""
        return sum(operator.params for operator in self.operators)


def lower(architecture: Architecture, task: Task) -> OperatorList:
    """The exact operators of the int8 model, with places, names and shapes."""
    tensors = [
        Tensor("image", (task.height, task.width, task.channels), task.height * task.width * task.channels),
    ]
    operators: list[Operator] = []
    _place(tensors, operators, stem_steps(task), "stem", None)
    channels = task.stem_channels
    for plan in plan_blocks(architecture, task):
        _place(tensors, operators, block_steps(plan), plan.stage, plan.block)
        channels = plan.out_channels
    _place(tensors, operators, classifier_steps(task, channels), "head", None)
    return OperatorList(tuple(tensors), tuple(operators))


def _place(
    tensors: list[Tensor], operators: list[Operator], steps: tuple[Step, ...], stage: Place, block: int | None
) -> None:
    base = len(tensors) - 1  # the tensor these steps read as their input 0
    prefix = "" if block is None else f"stage{stage}_block{block}_"
    for step in steps:
        operators.append(
            Operator(
                index=len(operators),
                op=step.op,
                name=prefix + step.name,
                stage=stage,
                block=block,
                macs=step.macs,
                params=step.params,
                weights=step.weights,
                biases=step.biases,
                inputs=tuple(base + source for source in step.inputs),
                output=len(tensors),
                output_shape=step.shape,
                scratch=step.scratch,
            )
        )
        tensors.append(Tensor(prefix + step.name, step.shape, step.output_bytes))
