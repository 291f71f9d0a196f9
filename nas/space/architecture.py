"""An architecture as data: what a designer writes down, before any cost or weight exists.

One description, three lowerings (operator list, torch module, int8 TFLite): all of them start from `plan_blocks`,
so that they cannot disagree about channels, strides or which skip is effective.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

BlockKind = Literal["DWSepConv", "MBConv"]
ActivationKind = Literal["relu6", "leaky_relu", "swish"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of Table I: `num_blocks` equal blocks, of which only the first has `stride`.

    `expansion` is None for DWSepConv (it has none); `se_ratio` 0 means no squeeze-and-excitation.
    """

    block: BlockKind
    out_channels: int
    kernel_size: int
    stride: int
    expansion: int | None
    se_ratio: float
    skip: bool
    activation: ActivationKind
    num_blocks: int

    def to_dict(self) -> dict[str, Any]:
        """The stage in the JSON form of the architecture file."""
        fields: dict[str, Any] = {
            "block": self.block,
            "out_channels": self.out_channels,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
        }
        if self.expansion is not None:
            fields["expansion"] = self.expansion
        return fields | {
            "se_ratio": self.se_ratio,
            "skip": self.skip,
            "activation": self.activation,
            "num_blocks": self.num_blocks,
        }


@dataclass(frozen=True, slots=True)
class Task:
    """What the network must read and answer: input height, width, channels (NHWC order), classes and stem width."""

    height: int
    width: int
    channels: int
    num_classes: int
    stem_channels: int = 16


@dataclass(frozen=True, slots=True)
class Architecture:
    """A sequence of stages between the fixed stem and the fixed classifier."""

    stages: tuple[Stage, ...]

    def to_dict(self) -> dict[str, Any]:
        """The architecture file (JSON)."""
        return {"stages": [stage.to_dict() for stage in self.stages]}

    def canonical(self, stem_channels: int) -> Architecture:
        """The form in which two descriptions of the same network are equal: what has no effect is removed."""
        stages: list[Stage] = []
        in_channels = stem_channels
        for stage in self.stages:
            first_applies = stage.stride == 1 and in_channels == stage.out_channels
            stages.append(
                Stage(
                    block=stage.block,
                    out_channels=stage.out_channels,
                    kernel_size=stage.kernel_size,
                    stride=stage.stride,
                    expansion=stage.expansion if stage.block == "MBConv" else None,
                    se_ratio=stage.se_ratio,
                    skip=stage.skip and (first_applies or stage.num_blocks > 1),
                    activation=stage.activation,
                    num_blocks=stage.num_blocks,
                )
            )
            in_channels = stage.out_channels
        return Architecture(tuple(stages))

    def fingerprint(self, stem_channels: int) -> str:
        """16 hexadecimal digits that are equal exactly when the canonical forms are."""
        text = json.dumps(self.canonical(stem_channels).to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block with everything resolved. Heights and widths are pixels; `se_channels` 0 means no SE.

    `hidden_channels` are the channels of the depthwise convolution: in_channels for DWSepConv, expansion times
    in_channels for MBConv (eq. 5-8). `residual`: whether the skip really applies to this block.
    """

    stage: int
    block: int
    kind: BlockKind
    in_channels: int
    hidden_channels: int
    out_channels: int
    kernel_size: int
    stride: int
    se_channels: int
    residual: bool
    activation: ActivationKind
    in_height: int
    in_width: int
    out_height: int
    out_width: int


def same_output(size: int, stride: int) -> int:
    """Output length of a convolution with TensorFlow's SAME padding: ceil(size / stride)."""
    return -(-size // stride)


def plan_stage(stage: Stage, number: int, in_channels: int, in_height: int, in_width: int) -> Iterator[BlockPlan]:
    """The blocks of one stage (`number`, from 1) that reads a feature map of the given channels, height and width."""
    channels, height, width = in_channels, in_height, in_width
    expansion = stage.expansion if stage.block == "MBConv" and stage.expansion else 1
    for block_number in range(1, stage.num_blocks + 1):
        stride = stage.stride if block_number == 1 else 1
        hidden = channels * expansion
        out_height, out_width = same_output(height, stride), same_output(width, stride)
        yield BlockPlan(
            stage=number,
            block=block_number,
            kind=stage.block,
            in_channels=channels,
            hidden_channels=hidden,
            out_channels=stage.out_channels,
            kernel_size=stage.kernel_size,
            stride=stride,
            se_channels=max(1, int(hidden * stage.se_ratio)) if stage.se_ratio else 0,
            residual=stage.skip and stride == 1 and channels == stage.out_channels,
            activation=stage.activation,
            in_height=height,
            in_width=width,
            out_height=out_height,
            out_width=out_width,
        )
        channels, height, width = stage.out_channels, out_height, out_width


def plan_blocks(architecture: Architecture, task: Task) -> tuple[BlockPlan, ...]:
    """Every block of the network in execution order, stages and blocks counted from 1."""
    plans: list[BlockPlan] = []
    channels = task.stem_channels
    height, width = same_output(task.height, 2), same_output(task.width, 2)  # the stem has stride 2
    for number, stage in enumerate(architecture.stages, start=1):
        plans.extend(plan_stage(stage, number, channels, height, width))
        channels, height, width = plans[-1].out_channels, plans[-1].out_height, plans[-1].out_width
    return tuple(plans)
