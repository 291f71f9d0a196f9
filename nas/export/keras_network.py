"""The network again in Keras, with the torch module's weights: the way to TFLite (NHWC, SAME padding)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.architecture import ActivationKind, Architecture, BlockPlan, Task, plan_blocks
from nas.export.tensorflow_runtime import load_tensorflow

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """Kernel and bias of one layer with its batch norm folded in, in Keras' layout.

    Kernels: convolution (K, K, C_in, C_out), depthwise (K, K, C, 1), linear (C_in, C_out).
    """

    kernel: Floats
    bias: Floats


def fold_weights(network: nn.Module) -> tuple[LayerWeights, ...]:
    """The weights of every convolution and linear layer in execution order, batch norm (running figures) folded in.

    Relies on the network registering its layers in the order in which it runs them.
    """
    from torch import nn

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)]
    weights: list[LayerWeights] = []
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weights.append(_fold(layer, following if isinstance(following, nn.BatchNorm2d) else None))
    return tuple(weights)


def _fold(layer: nn.Conv2d | nn.Linear, norm: nn.BatchNorm2d | None) -> LayerWeights:
    """BN(w * x + b) as one layer: w scaled by gamma / sqrt(var + eps), b shifted; summed in float64."""
    kernel = _array(layer.weight)  # convolution (O, I / groups, K, K), linear (O, I)
    bias = _array(layer.bias) if layer.bias is not None else np.zeros(kernel.shape[0])
    if norm is not None:
        scale = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
        kernel = kernel * scale.reshape(-1, *[1] * (kernel.ndim - 1))
        bias = (bias - _array(norm.running_mean)) * scale + _array(norm.bias)
    if kernel.ndim == 2:
        kernel = kernel.transpose(1, 0)
    elif getattr(layer, "groups", 1) > 1:
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        kernel = kernel.transpose(2, 3, 1, 0)
    return LayerWeights(np.ascontiguousarray(kernel, np.float32), bias.astype(np.float32))


def _array(tensor: Any) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().numpy(), np.float64)


def build_keras_network(network: nn.Module, architecture: Architecture, task: Task) -> Any:
    """A `keras.Model` computing what `network` computes in eval mode: (1, H, W, C) images to (1, classes) logits.

    Every layer is named: Keras' own names count up in a process, and would end in the converted file.
    """
    keras = load_tensorflow().keras
    weights = iter(fold_weights(network))
    image = keras.Input(batch_shape=(1, task.height, task.width, task.channels), name="image")
    values = _convolution(keras, weights, image, "stem", stride=2)
    values = _activation(keras, values, "relu6", "stem")
    for plan in plan_blocks(architecture, task):
        values = _block(keras, weights, values, plan)
    values = keras.layers.GlobalAveragePooling2D(name="head_pool")(values)
    head = keras.layers.Dense(task.num_classes, name="head")
    logits = head(values)
    _set(head, next(weights))
    if next(weights, None) is not None:
        raise ValueError("the torch network has more layers than its architecture plans")
    return keras.Model(image, logits, name="network")


def _block(keras: Any, weights: Iterator[LayerWeights], block_input: Any, plan: BlockPlan) -> Any:
    """One block, equations 2-8 of the paper, as planned."""
    name = f"stage{plan.stage}_block{plan.block}"
    values = block_input
    if plan.kind == "MBConv":
        values = _convolution(keras, weights, values, f"{name}_expand")
        values = _activation(keras, values, plan.activation, f"{name}_expand")
    values = _depthwise(keras, weights, values, f"{name}_depthwise", plan.stride)
    values = _activation(keras, values, plan.activation, f"{name}_depthwise")
    if plan.se_channels:
        values = _squeeze_excitation(keras, weights, values, f"{name}_se")
    values = _convolution(keras, weights, values, f"{name}_project")
    return keras.layers.Add(name=f"{name}_add")([block_input, values]) if plan.residual else values


def _squeeze_excitation(keras: Any, weights: Iterator[LayerWeights], values: Any, name: str) -> Any:
    """values * sigmoid(conv1x1(ReLU(conv1x1(GAP(values))))), eq. 3 and 4 with the gate applied once."""
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(values)
    gate = _convolution(keras, weights, gate, f"{name}_reduce")
    gate = keras.layers.Activation("relu", name=f"{name}_relu")(gate)
    gate = _convolution(keras, weights, gate, f"{name}_expand")
    gate = keras.layers.Activation("sigmoid", name=f"{name}_sigmoid")(gate)
    return keras.layers.Multiply(name=f"{name}_scale")([values, gate])


def _activation(keras: Any, values: Any, kind: ActivationKind, name: str) -> Any:
    if kind == "relu6":
        return keras.layers.Activation("relu6", name=f"{name}_relu6")(values)
    if kind == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.01, name=f"{name}_leaky_relu")(values)  # torch's default slope
    gate = keras.layers.Activation("sigmoid", name=f"{name}_sigmoid")(values)
    return keras.layers.Multiply(name=f"{name}_swish")([values, gate])


def _convolution(keras: Any, weights: Iterator[LayerWeights], values: Any, name: str, stride: int = 1) -> Any:
    own = next(weights)
    size, _, _, filters = own.kernel.shape
    layer = keras.layers.Conv2D(filters, size, stride, padding="same", name=name)
    output = layer(values)
    _set(layer, own)
    return output


def _depthwise(keras: Any, weights: Iterator[LayerWeights], values: Any, name: str, stride: int) -> Any:
    own = next(weights)
    layer = keras.layers.DepthwiseConv2D(own.kernel.shape[0], stride, padding="same", name=name)
    output = layer(values)
    _set(layer, own)
    return output


def _set(layer: Any, weights: LayerWeights) -> None:
    layer.set_weights([weights.kernel, weights.bias])
