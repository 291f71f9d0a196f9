"""The network rebuilt in Keras, with the torch module's weights: the path to TFLite (NHWC, SAME padding)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from nas.export.tensorflow_runtime import load_tensorflow
from nas.space.architecture import ActivationKind, Architecture, BlockPlan, Task, plan_blocks

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.network.blocks import ConvNormAct, InvertedBlock, SqueezeExcite
    from nas.network.network import Network

Doubles = NDArray[np.float64]


def fold_batch_norm(layer: ConvNormAct) -> tuple[Doubles, Doubles]:
    """Kernel (O, I / groups, K, K) and bias (O,) of the convolution with its batch norm (running statistics) folded in.

    BN(w * x) = w * gamma / sqrt(var + eps) * x + beta - mean * gamma / sqrt(var + eps), in float64.
    """
    norm = layer.norm
    scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    bias = _array(norm.bias) - _array(norm.running_mean) * scale
    return _array(layer.conv.weight) * scale[:, np.newaxis, np.newaxis, np.newaxis], bias


def _array(tensor: Tensor | None) -> Doubles:
    if tensor is None:
        raise ValueError("the network lacks a weight that every network of the space has")
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def build_keras_network(network: Network, architecture: Architecture, task: Task) -> Any:
    """A `keras.Model` computing what `network` computes in eval mode: (1, H, W, C) images to (1, classes) logits.

    Every layer is named: Keras' own names count up within a process, and would end up in the converted file.
    """
    keras = load_tensorflow().keras
    image = keras.Input(batch_shape=(1, task.height, task.width, task.channels), name="image")
    values = _convolution(keras, network.stem, image, "stem", stride=2)
    values = _activation(keras, values, "relu6", "stem")
    blocks = [block for stage in network.stages for block in cast("Iterable[InvertedBlock]", stage)]
    for plan, block in zip(plan_blocks(architecture, task), blocks, strict=True):
        values = _block(keras, block, values, plan)
    values = keras.layers.GlobalAveragePooling2D(name="head_pool")(values)
    head = keras.layers.Dense(task.num_classes, name="head")
    logits = head(values)
    head.set_weights([_array(network.classifier.weight).transpose(1, 0), _array(network.classifier.bias)])
    return keras.Model(image, logits, name="network")


def _block(keras: Any, block: InvertedBlock, block_input: Any, plan: BlockPlan) -> Any:
    """One block, equations 2-8 of the paper, as planned."""
    name = f"stage{plan.stage}_block{plan.block}"
    values = block_input
    if block.expand is not None:
        values = _convolution(keras, block.expand, values, f"{name}_expand")
        values = _activation(keras, values, plan.activation, f"{name}_expand")
    values = _depthwise(keras, block.depthwise, values, f"{name}_depthwise", plan)
    values = _activation(keras, values, plan.activation, f"{name}_depthwise")
    if block.se is not None:
        values = _squeeze_excitation(keras, block.se, values, f"{name}_se")
    values = _convolution(keras, block.project, values, f"{name}_project")
    return keras.layers.Add(name=f"{name}_add")([block_input, values]) if plan.residual else values


def _squeeze_excitation(keras: Any, se: SqueezeExcite, values: Any, name: str) -> Any:
    """values * sigmoid(conv1x1(ReLU(conv1x1(GAP(values))))), eq. 3 and 4 with the gate applied once."""
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(values)
    gate = _pointwise(keras, se.reduce, gate, f"{name}_reduce")
    gate = keras.layers.Activation("relu", name=f"{name}_relu")(gate)
    gate = _pointwise(keras, se.expand, gate, f"{name}_expand")
    gate = keras.layers.Activation("sigmoid", name=f"{name}_sigmoid")(gate)
    return keras.layers.Multiply(name=f"{name}_scale")([values, gate])


def _activation(keras: Any, values: Any, kind: ActivationKind, name: str) -> Any:
    if kind == "relu6":
        return keras.layers.Activation("relu6", name=f"{name}_relu6")(values)
    if kind == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.01, name=f"{name}_leaky_relu")(values)  # torch's default slope
    gate = keras.layers.Activation("sigmoid", name=f"{name}_sigmoid")(values)
    return keras.layers.Multiply(name=f"{name}_swish")([values, gate])


def _convolution(keras: Any, layer: ConvNormAct, values: Any, name: str, *, stride: int = 1) -> Any:
    kernel, bias = fold_batch_norm(layer)
    return _apply_conv(keras, kernel, bias, values, name, stride)


def _pointwise(keras: Any, layer: nn.Conv2d, values: Any, name: str) -> Any:
    return _apply_conv(keras, _array(layer.weight), _array(layer.bias), values, name, stride=1)


def _apply_conv(keras: Any, kernel: Doubles, bias: Doubles, values: Any, name: str, stride: int) -> Any:
    filters, _, size, _ = kernel.shape
    layer = keras.layers.Conv2D(filters, size, stride, padding="same", name=name)
    output = layer(values)
    layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])  # (O, I, K, K) -> (K, K, I, O)
    return output


def _depthwise(keras: Any, layer: ConvNormAct, values: Any, name: str, plan: BlockPlan) -> Any:
    kernel, bias = fold_batch_norm(layer)
    depthwise = keras.layers.DepthwiseConv2D(plan.kernel_size, plan.stride, padding="same", name=name)
    output = depthwise(values)
    depthwise.set_weights([kernel.transpose(2, 3, 0, 1), bias])  # (C, 1, K, K) -> (K, K, C, 1)
    return output
