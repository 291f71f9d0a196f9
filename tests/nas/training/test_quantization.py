"""A network under int8 rounding: the same grids as TFLite's, and straight-through gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.datasets import load_dataset
from nas.export.scoring import prepare
from nas.export.tflite import Quantization, convert_int8, read_quantization
from nas.export.tflm import predict
from nas.network.network import build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training import Recipe
from nas.training.loop import train
from nas.training.prediction import predict_logits
from nas.training.quantization import (
    Activation,
    Int8Network,
    choose_quantization,
    fold_batch_norm,
    round_activations,
    round_weights,
)

TASK = Task(16, 16, 1, 10)
ARCHITECTURE = Architecture(
    (
        Stage("MBConv", 16, 3, 1, 3, 0.0, True, "relu6", 1),
        Stage("MBConv", 24, 3, 2, 3, 0.25, False, "swish", 1),
        Stage("DWSepConv", 32, 3, 1, None, 0.0, True, "leaky_relu", 2),
    )
)


@given(low=st.floats(-50, 5, width=32), high=st.floats(5.125, 60, width=32), seed=st.integers(0, 1000))
def test_activations_are_rounded_as_tflite_quantizes(low: float, high: float, seed: int) -> None:
    ends = torch.tensor(low), torch.tensor(high)
    scale, zero_point = choose_quantization(*ends)
    grid = Quantization(float(scale), int(zero_point))
    values = np.random.default_rng(seed).uniform(low - 10, high + 10, 500).astype(np.float32)
    position = values / np.float32(scale)
    values = values[np.abs(position - np.floor(position) - 0.5) > 1e-3]  # exact ties: see round_activations
    rounded = round_activations(torch.from_numpy(values), *ends).numpy()
    np.testing.assert_allclose(rounded, grid.dequantize(grid.quantize(values)), rtol=1e-5, atol=1e-6)


def test_zero_is_exact_and_a_range_without_it_is_widened() -> None:
    for low, high in ((-1.3, 2.7), (0.5, 3.0), (-4.0, -1.0), (0.0, 0.0)):
        zero = round_activations(torch.zeros(1), torch.tensor(low), torch.tensor(high))
        assert zero.item() == 0.0


def test_weights_are_rounded_channel_by_channel() -> None:
    weights = torch.tensor([[127.0, 3.4, -2.6], [1.27, 0.034, -0.026], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[127.0, 3.0, -3.0], [1.27, 0.03, -0.03], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(round_weights(weights), expected)


def test_gradients_pass_straight_through_inside_the_range_only() -> None:
    values = torch.tensor([-3.0, -0.9, 0.0, 0.33, 1.9, 2.5], requires_grad=True)
    (round_activations(values, torch.tensor(-1.0), torch.tensor(2.0)) * torch.arange(1.0, 7.0)).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0.0, 2.0, 3.0, 4.0, 5.0, 0.0]
    weights = torch.randn(3, 4, requires_grad=True)
    round_weights(weights).sum().backward()
    assert weights.grad is not None
    assert torch.equal(weights.grad, torch.ones(3, 4))


def test_a_range_follows_the_batches_in_training_and_stays_in_evaluation() -> None:
    activation = Activation()
    activation(torch.tensor([-1.0, 2.0]))
    activation.eval()
    activation(torch.tensor([-50.0, 50.0]))
    assert (activation.low.item(), activation.high.item()) == (-1.0, 2.0)
    activation.train()
    activation(torch.tensor([0.0, 1.0]))
    assert activation.high.item() == pytest.approx(1.98)


@pytest.fixture(scope="module")
def trained() -> Any:
    """(network, data set, calibration images (N, H, W, C))."""
    digits = load_dataset("digits", validation_fraction=0.2, seed=0)
    network = build_network(ARCHITECTURE, TASK, seed=0)
    recipe = Recipe(epochs=2, learning_rate=0.1, schedule="cosine", batch_size=32)
    train(network, digits, TASK, recipe, phase="full", seed=0, folder=None, on_epoch=[].append)
    return network.eval(), digits, prepare(digits.train.images[:128], digits, TASK)


def read_scales(model: bytes) -> list[tuple[float, int]]:
    """Scale and zero point of every int8 tensor with one scale, in the file's order: activations, as executed."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    graph = schema.Model.GetRootAs(model).Subgraphs(0)
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    found = [(t.Quantization(), t) for t in tensors if t.Quantization() and t.Type() == schema.TensorType.INT8]
    return [(float(q.Scale(0)), int(q.ZeroPoint(0))) for q, _ in found if q.ScaleLength() == 1]


def test_every_activation_has_the_scale_that_the_converter_gives_it(trained: Any) -> None:
    network, _, calibration = trained
    images = torch.from_numpy(calibration.transpose(0, 3, 1, 2).copy())
    parts = Int8Network(network, images).modules()
    ours = [choose_quantization(part.low, part.high) for part in parts if isinstance(part, Activation)]
    gate = (1 / 256, -128)
    theirs = [pair for pair in read_scales(convert_int8(network, ARCHITECTURE, TASK, calibration)) if pair != gate]
    assert len(ours) == len(theirs) > 20
    expected = sorted(theirs)
    found = sorted((float(scale), int(zero_point)) for scale, zero_point in ours)
    np.testing.assert_allclose([scale for scale, _ in found], [scale for scale, _ in expected], rtol=1e-4)
    assert max(abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True)) <= 1


def test_logits_are_those_of_the_int8_model_in_tflm_within_a_few_steps(trained: Any) -> None:
    network, digits, calibration = trained
    model = convert_int8(network, ARCHITECTURE, TASK, calibration)
    input_grid, output_grid = read_quantization(model)
    some = digits.validation.images[:100]
    logits = predict(model, input_grid.quantize(prepare(some, digits, TASK)), arena_bytes=1 << 20)
    images = torch.from_numpy(calibration.transpose(0, 3, 1, 2).copy())
    simulated = predict_logits(Int8Network(network, images), some, digits, TASK).numpy()
    steps = np.abs(output_grid.dequantize(logits) - simulated) / output_grid.scale
    exact = predict_logits(network, some, digits, TASK).numpy()
    assert steps.mean() < 1.2
    assert steps.mean() < np.abs(output_grid.dequantize(logits) - exact).mean() / output_grid.scale


def test_the_rounded_network_shares_its_parameters_and_leaves_the_running_figures(trained: Any) -> None:
    network, _, calibration = trained
    images = torch.from_numpy(calibration[:8].transpose(0, 3, 1, 2).copy())
    quantized = Int8Network(network, images).train()
    before = network.stem.norm.running_mean.clone()
    quantized(images).sum().backward()
    assert {id(p) for p in quantized.parameters()} == {id(p) for p in network.parameters()}
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert torch.equal(network.stem.norm.running_mean, before)
    network.zero_grad(set_to_none=True)
    network.eval()


def test_folding_changes_nothing(trained: Any) -> None:
    network, _, calibration = trained
    images = torch.from_numpy(calibration[:4].transpose(0, 3, 1, 2).copy())
    kernel, bias = fold_batch_norm(network.stem)
    folded = torch.func.functional_call(network.stem.conv, {"weight": kernel}, (images,)) + bias[:, None, None]
    torch.testing.assert_close(network.stem.activation(folded), network.stem(images), rtol=1e-4, atol=1e-5)
