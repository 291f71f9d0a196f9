"""A network that computes as its int8 model will: quantization-aware training (Jacob et al. 2018, arXiv 1712.05877).

Batch norm is folded into its convolution by its running statistics, weights and activations are rounded where TFLite
rounds them, and gradients pass the rounding straight through (Bengio et al. 2013, arXiv 1308.3432).

No `from __future__ import annotations` here: the shapes in the annotations stay objects, so a test can check them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from nas.network.blocks import ConvNormAct, InvertedBlock, SqueezeExcite, pool_globally
from nas.network.network import Network

LARGEST_GATE = 255 / 256  # of LOGISTIC, whose int8 output TFLite fixes at scale 1/256 and zero point -128
# A range follows the extremes of the last hundred steps or so. Jacob et al. average the batches' ranges, but the TFLite
# converter takes the extremes of its calibration images: tuned with averages, a network scored 93.1% here and 83.7% in
# TFLM (digits at 16x16, one channel 100 times the others), with extremes 85.8% and 90.3%.
SHRINKAGE = 0.01  # of a range per step
SMALLEST_SCALE = 1e-12  # a tensor of zeros needs a scale too
CHUNK_IMAGES = 64


def choose_quantization(low: Float[Tensor, ""], high: Float[Tensor, ""]) -> tuple[Tensor, Tensor]:
    """Scale (float) and zero point (int32) of an int8 tensor whose values lie between `low` and `high`, as TFLite's.

    The range is widened to hold 0, which must be exact (padding is zeros).
    """
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    scale = ((high - low) / 255).clamp(min=SMALLEST_SCALE)
    return scale, (-128 - low / scale).round().clamp(-128, 127).to(torch.int32)


def round_activations(values: Float[Tensor, "..."], low: Float[Tensor, ""], high: Float[Tensor, ""]) -> Tensor:
    """The values after int8 with one asymmetric scale for all; the gradient is 1 inside the range, 0 outside.

    Exact ties go to the even integer, in TFLite away from zero; computed activations hit them only by accident.
    """
    scale, zero_point = choose_quantization(low, high)
    rounded: Tensor = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, -128, 127)
    return rounded


def round_weights(weights: Float[Tensor, "out ..."]) -> Tensor:
    """The weights after int8 in [-127, 127] with a symmetric scale per output channel; the gradient is 1 everywhere."""
    largest = weights.detach().abs().flatten(1).amax(dim=1)  # (out,)
    scales = (largest / 127).clamp(min=SMALLEST_SCALE)
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    rounded: Tensor = torch.fake_quantize_per_channel_affine(weights, scales, zeros, 0, -127, 127)
    return rounded


def fold_batch_norm(layer: ConvNormAct) -> tuple[Tensor, Tensor]:
    """Kernel (O, I / groups, K, K) and bias (O,) with the batch norm's running statistics folded in, differentiable."""
    norm = layer.norm
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm of the space keeps running figures")
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return layer.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class _Int8(nn.Module):
    """A part of the network that rounds; while `observing` it computes in float and only measures ranges."""

    observing = False

    def _weights(self, weights: Tensor) -> Tensor:
        return weights if self.observing else round_weights(weights)

    def _gate(self, values: Tensor) -> Tensor:
        gate = torch.sigmoid(values)
        return gate if self.observing else round_activations(gate, gate.new_zeros(()), gate.new_tensor(LARGEST_GATE))


class Activation(_Int8):
    """One int8 tensor of the graph. Its range follows the batches in training and is fixed in evaluation."""

    low: Tensor
    high: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))

    def forward(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The values after int8."""
        if self.observing or self.training:
            low, high = values.detach().aminmax()
            if self.observing:
                self.low.copy_(torch.minimum(self.low, low))
                self.high.copy_(torch.maximum(self.high, high))
                return values
            self.low.copy_(torch.minimum(low, self.low * (1 - SHRINKAGE)))
            self.high.copy_(torch.maximum(high, self.high * (1 - SHRINKAGE)))
        return round_activations(values, self.low, self.high)

    def include(self, other: "Activation") -> None:
        """Widen the range to hold the other's."""
        self.low.copy_(torch.minimum(self.low, other.low))
        self.high.copy_(torch.maximum(self.high, other.high))


class Int8Layer(_Int8):
    """Convolution, folded batch norm, activation. ReLU6 is part of TFLite's convolution, other activations are not."""

    def __init__(self, layer: ConvNormAct) -> None:
        super().__init__()
        self.layer = layer
        self.linear = Activation() if isinstance(layer.activation, nn.SiLU | nn.LeakyReLU) else None
        self.output = Activation()

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """A(BN(conv(x))) in int8."""
        kernel, bias = fold_batch_norm(self.layer)
        values: Tensor = functional_call(self.layer.conv, {"weight": self._weights(kernel)}, (images,))
        values = values + bias[:, None, None]
        if self.linear is not None:
            values = self.linear(values)
        if isinstance(self.layer.activation, nn.SiLU):
            values = values * self._gate(values)
        else:
            values = self.layer.activation(values)
        output: Tensor = self.output(values)
        return output


class Int8SqueezeExcite(_Int8):
    """MEAN, CONV_2D with ReLU, CONV_2D, LOGISTIC, MUL."""

    def __init__(self, se: SqueezeExcite) -> None:
        super().__init__()
        self.se = se
        self.pooled, self.reduced, self.expanded, self.output = (Activation() for _ in range(4))

    def forward(
        self, features: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The gated features in int8."""
        gate = self.pooled(pool_globally(features, in_training=self.training)[:, :, None, None])
        gate = self.reduced(functional.relu(self._convolve(self.se.reduce, gate)))
        gate = self.expanded(self._convolve(self.se.expand, gate))
        output: Tensor = self.output(features * self._gate(gate))
        return output

    def _convolve(self, convolution: nn.Conv2d, values: Tensor) -> Tensor:
        result: Tensor = functional_call(convolution, {"weight": self._weights(convolution.weight)}, (values,))
        return result


class Int8Block(nn.Module):
    """A DWSepConv or MBConv block."""

    def __init__(self, block: InvertedBlock) -> None:
        super().__init__()
        self.expand = Int8Layer(block.expand) if block.expand is not None else None
        self.depthwise = Int8Layer(block.depthwise)
        self.se = Int8SqueezeExcite(block.se) if block.se is not None else None
        self.project = Int8Layer(block.project)
        self.sum = Activation() if block.residual else None

    def forward(
        self, images: Float[Tensor, "batch in_channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """The block's output in int8."""
        hidden: Tensor = images if self.expand is None else self.expand(images)
        hidden = self.depthwise(hidden)
        if self.se is not None:
            hidden = self.se(hidden)
        output: Tensor = self.project(hidden)
        if self.sum is None:
            return output
        total: Tensor = self.sum(images + output)
        # the converter's interpreter adds in place while it measures ranges: the projection's range includes the sum's
        if self.training or self.sum.observing:
            self.project.output.include(self.sum)
        return total


class Int8Network(_Int8):
    """`network` with int8's rounding: it holds the same parameters, so training it trains `network`.

    Ranges start as those of the calibration images in float, as in the TFLite converter. Biases stay float: TFLite
    keeps them in 32 bits.
    """

    def __init__(self, network: Network, calibration_images: Float[Tensor, "num channels height width"]) -> None:
        super().__init__()
        self.image, self.pooled, self.logits = Activation(), Activation(), Activation()
        self.stem = Int8Layer(network.stem)
        blocks = [block for stage in network.stages for block in stage.children()]
        self.blocks = nn.ModuleList(Int8Block(block) for block in blocks if isinstance(block, InvertedBlock))
        self.classifier = network.classifier
        self._calibrate(calibration_images)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of prepared images, as the int8 model computes them."""
        with torch.autocast(images.device.type, enabled=False):  # bfloat16 is no finer than int8
            features: Tensor = self.stem(self.image(images))
            for block in self.blocks:
                features = block(features)
            pooled = self.pooled(pool_globally(features, in_training=self.training))
            weights = self._weights(self.classifier.weight)
            logits: Tensor = self.logits(functional_call(self.classifier, {"weight": weights}, (pooled,)))
        return logits

    def _calibrate(self, images: Tensor) -> None:
        parts = [module for module in self.modules() if isinstance(module, _Int8)]
        for part in parts:
            part.observing = True
        with torch.no_grad():
            for chunk in torch.split(images, CHUNK_IMAGES):
                self(chunk)
        for part in parts:
            part.observing = False
