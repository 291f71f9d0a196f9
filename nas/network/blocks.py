"""The modules every network is built from: convolutions with TensorFlow's SAME padding, squeeze-and-excitation, blocks.

No `from __future__ import annotations` here: the shapes in the annotations stay objects, so a test can check them.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from nas.network.depthwise import FAST_COLUMNS, convolve_depthwise
from nas.space.architecture import ActivationKind, BlockPlan, same_output

BATCH_NORM_EPSILON = 1e-5  # torch's default, method: the paper gives none
LEAKY_SLOPE = 0.01  # torch's default, likewise


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels that SAME padding adds before and after one side of `size` pixels; the odd one goes after."""
    total = max((same_output(size, stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, (N, C, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""

    def forward(self, input: Float[Tensor, "batch in_channels height width"]) -> Tensor:  # noqa: A002
        """Pad as TensorFlow does, then convolve. The argument keeps nn.Conv2d's name."""
        if self._is_product(input):
            # (N, C, H, W) -> (N, H, W, C) is a view of the same memory, and MKL multiplies matrices faster than oneDNN
            rows = functional.linear(input.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias)
            return rows.permute(0, 3, 1, 2)
        top, bottom = same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        if self._trains_slowly(input, top != bottom or left != right):
            return convolve_depthwise(input, self.weight, self.stride[0], ((top, bottom), (left, right)))
        if top == bottom and left == right:  # the convolution pads by itself, which saves a copy of the input
            padding = (top, left)
        else:
            input, padding = functional.pad(input, (left, right, top, bottom)), (0, 0)  # noqa: A001
        return functional.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _is_product(self, images: Tensor) -> bool:
        """Whether this is a matrix product, best computed as one: a pointwise filter, in training on a CPU."""
        is_pointwise = self.kernel_size == self.stride == (1, 1) and self.groups == 1
        is_ready = self.training and images.device.type == "cpu"
        return is_pointwise and is_ready and images.is_contiguous(memory_format=torch.channels_last)

    def _trains_slowly(self, images: Tensor, is_uneven: bool) -> bool:
        """Whether `convolve_depthwise` is faster: in training on a CPU, with such filters, maps and padding."""
        is_depthwise = self.groups == self.in_channels == self.out_channels > 1 and self.bias is None
        is_odd = is_uneven or self.kernel_size[1] > FAST_COLUMNS or min(images.shape[2:]) < self.kernel_size[0]
        return self.training and is_depthwise and is_odd and images.device.type == "cpu"


def pool_globally(
    features: Float[Tensor, "batch channels height width"], *, in_training: bool
) -> Float[Tensor, "batch channels"]:
    """Each channel's mean over the map.

    In training on channels_last its gradient is channels_last too. That of torch's mean is not, and batch norm then
    takes several times as long.
    """
    if in_training and features.is_contiguous(memory_format=torch.channels_last):
        return features.permute(0, 2, 3, 1).flatten(1, 2).mean(1)  # (N, C, H, W) -> (N, H * W, C) -> (N, C)
    return features.mean((2, 3))


class InplaceReLU6(nn.ReLU6):
    """ReLU6 that keeps only its output: torch's, in place, copies its input for a gradient that the output yields."""

    def __init__(self) -> None:
        super().__init__(inplace=True)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """The input itself, clamped to [0, 6]."""
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(input)
        output: Tensor = _Clamp.apply(input)  # type: ignore[no-untyped-call]
        return output


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.mark_dirty(features.clamp_(0.0, 6.0))
        ctx.save_for_backward(features)
        return features

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (output,) = ctx.saved_tensors
        of_features: Tensor = torch.ops.aten.hardtanh_backward(gradient, output, 0.0, 6.0)
        return of_features


def build_activation(kind: ActivationKind) -> nn.Module:
    """The activation module of a stage (Table I)."""
    match kind:
        case "relu6":
            return InplaceReLU6()
        case "leaky_relu":
            return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
        case "swish":
            return nn.SiLU()  # x * sigmoid(x)


class ConvNormAct(nn.Module):
    """Convolution without bias, batch norm, activation; `activation` None leaves the output linear."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: ActivationKind | None,
    ) -> None:
        super().__init__()
        self.conv = SameConv2d(in_channels, out_channels, kernel_size, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps=BATCH_NORM_EPSILON)
        self.activation: nn.Module = build_activation(activation) if activation else nn.Identity()

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """A(BN(conv(x)))."""
        output: Tensor = self.activation(self.norm(self.conv(images)))
        return output


class SqueezeExcite(nn.Module):
    """z * sigmoid(conv1x1(ReLU(conv1x1(GAP(z))))) (eq. 3-4, the gate applied once); both convolutions have a bias."""

    def __init__(self, channels: int, reduced_channels: int) -> None:
        super().__init__()
        self.reduce = SameConv2d(channels, reduced_channels, 1)
        self.expand = SameConv2d(reduced_channels, channels, 1)

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The features, each channel scaled by its gate in (0, 1)."""
        pooled = pool_globally(features, in_training=self.training)[:, :, None, None]  # (N, C, 1, 1)
        return features * torch.sigmoid(self.expand(functional.relu(self.reduce(pooled))))


class InvertedBlock(nn.Module):
    """One DWSepConv (no `expand`) or MBConv block, eq. 2-8: expand, depthwise, SE, linear projection, skip."""

    def __init__(self, plan: BlockPlan) -> None:
        super().__init__()
        hidden = plan.hidden_channels
        self.expand: ConvNormAct | None = (
            ConvNormAct(plan.in_channels, hidden, 1, activation=plan.activation) if plan.kind == "MBConv" else None
        )
        self.depthwise = ConvNormAct(
            hidden, hidden, plan.kernel_size, stride=plan.stride, groups=hidden, activation=plan.activation
        )
        self.se: SqueezeExcite | None = SqueezeExcite(hidden, plan.se_channels) if plan.se_channels else None
        self.project = ConvNormAct(hidden, plan.out_channels, 1, activation=None)
        self.residual = plan.residual

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """The block's output, plus its input where the skip applies."""
        hidden: Tensor = images if self.expand is None else self.expand(images)
        hidden = self.depthwise(hidden)
        if self.se is not None:
            hidden = self.se(hidden)
        output: Tensor = self.project(hidden)
        return images + output if self.residual else output

    def extra_repr(self) -> str:
        """Whether the skip applies: it has no weights, yet two blocks that differ in it are not the same."""
        return f"residual={self.residual}"
