"""The torch network: SAME padding as TensorFlow computes it, blocks as eq. 2-8 say, seeded weights."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.network.blocks import InplaceReLU6, InvertedBlock, SameConv2d, SqueezeExcite, same_padding
from nas.network.network import build_network, count_parameters
from nas.space.architecture import Architecture, BlockPlan, Stage, Task, plan_blocks, same_output
from nas.space.search_space import SearchSpace

TASK = Task(32, 32, 3, 10)

# (height, width, kernel, stride): odd and even sides, not square, kernels larger than the image
CONVOLUTIONS = [
    (8, 8, 3, 1),
    (8, 8, 3, 2),
    (9, 9, 3, 2),
    (10, 7, 5, 2),
    (11, 16, 7, 2),
    (5, 4, 7, 1),
    (3, 2, 7, 2),
    (1, 1, 5, 2),
    (16, 16, 1, 2),
]


def make_stage(**fields: object) -> Stage:
    values: dict[str, object] = {
        "block": "MBConv",
        "out_channels": 24,
        "kernel_size": 3,
        "stride": 1,
        "expansion": 3,
        "se_ratio": 0,
        "skip": True,
        "activation": "relu6",
        "num_blocks": 2,
    }
    return Stage(**(values | fields))  # type: ignore[arg-type]


def make_plan(**fields: object) -> BlockPlan:
    architecture = Architecture((make_stage(out_channels=16, num_blocks=1, **fields),))
    return plan_blocks(architecture, TASK)[0]


# keras and google's protobuf warn while they are imported; a fresh interpreter keeps that out of this one, where
# warnings are errors
TENSORFLOW_CONVOLUTION = """
import sys
from pathlib import Path
import numpy as np
import tensorflow as tf
cases = np.load(sys.argv[1])
results = {}
for name in (key for key in cases.files if key.startswith("images")):
    index = name.removeprefix("images")
    stride = int(cases["stride" + index])
    results["out" + index] = tf.nn.conv2d(cases[name], cases["filters" + index], stride, "SAME").numpy()
np.savez(sys.argv[2], **results)
"""


def test_convolution_pads_as_tensorflow_does(tmp_path: Path) -> None:
    arrays: dict[str, np.ndarray] = {}
    expected: list[np.ndarray] = []
    generator = torch.Generator().manual_seed(0)
    for index, (height, width, kernel, stride) in enumerate(CONVOLUTIONS):
        convolution = SameConv2d(2, 3, kernel, stride, bias=False)
        images = torch.randn(2, 2, height, width, generator=generator)
        expected.append(convolution(images).detach().permute(0, 2, 3, 1).numpy())
        arrays[f"images{index}"] = images.permute(0, 2, 3, 1).numpy()
        arrays[f"filters{index}"] = convolution.weight.detach().permute(2, 3, 1, 0).numpy()
        arrays[f"stride{index}"] = np.array(stride)
    np.savez(tmp_path / "in.npz", **arrays)
    command = [sys.executable, "-c", TENSORFLOW_CONVOLUTION, str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    results = np.load(tmp_path / "out.npz")
    for index, ours in enumerate(expected):
        np.testing.assert_allclose(results[f"out{index}"], ours, atol=1e-5, err_msg=str(CONVOLUTIONS[index]))


@given(st.integers(1, 200), st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 2]))
def test_padding_reaches_exactly_the_last_output(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel, stride)
    assert 0 <= after - before <= 1
    if before + after:
        assert (size + before + after - kernel) // stride + 1 == same_output(size, stride)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(16, 40), st.integers(16, 40), st.sampled_from([1, 3]))
def test_block_outputs_have_the_planned_shapes(seed: int, height: int, width: int, channels: int) -> None:
    architecture = SearchSpace().sample(random.Random(seed))
    task = Task(height, width, channels, 7)
    network = build_network(architecture, task, seed=0).eval()
    plans = iter(plan_blocks(architecture, task))
    with torch.inference_mode():
        features = network.stem(torch.zeros(1, channels, height, width))
        for stage in network.stages:
            for block in stage:
                plan = next(plans)
                assert features.shape == (1, plan.in_channels, plan.in_height, plan.in_width)
                features = block(features)
                assert features.shape == (1, plan.out_channels, plan.out_height, plan.out_width)
        assert network(torch.zeros(1, channels, height, width)).shape == (1, 7)


def test_skip_adds_the_input_only_where_shapes_agree() -> None:
    images = torch.randn(2, 16, 8, 8)
    with_skip = InvertedBlock(make_plan()).eval()
    without = InvertedBlock(make_plan(skip=False)).eval()
    without.load_state_dict(with_skip.state_dict())
    torch.testing.assert_close(with_skip(images), without(images) + images)
    assert not InvertedBlock(make_plan(stride=2)).residual


def test_projection_is_linear() -> None:
    block = InvertedBlock(make_plan(skip=False)).eval()
    assert block(torch.randn(4, 16, 8, 8)).min() < 0


def test_separable_block_has_no_expansion() -> None:
    block = InvertedBlock(make_plan(block="DWSepConv", expansion=None))
    assert block.expand is None
    assert block.depthwise.conv.groups == 16


def test_excitation_scales_each_channel_once_by_its_gate() -> None:
    module = SqueezeExcite(6, 2)
    features = torch.randn(3, 6, 4, 5)
    pooled = features.mean((2, 3))
    hidden = torch.relu(pooled @ module.reduce.weight[:, :, 0, 0].T + module.reduce.bias)
    gates = torch.sigmoid(hidden @ module.expand.weight[:, :, 0, 0].T + module.expand.bias)
    for is_training in (True, False):
        torch.testing.assert_close(module.train(is_training)(features), features * gates[:, :, None, None])


def test_excitation_trains_with_products_of_matrices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = SqueezeExcite(6, 2)
    monkeypatch.setattr(torch.nn.functional, "conv2d", None)
    module(torch.randn(3, 6, 4, 5)).sum().backward()
    assert module.reduce.weight.grad is not None
    with pytest.raises(TypeError):
        module.eval()(torch.randn(3, 6, 4, 5))


def test_parameters_are_counted_as_by_hand() -> None:
    stage = make_stage(block="MBConv", out_channels=24, expansion=3, se_ratio=0.25, num_blocks=1)
    network = build_network(Architecture((stage,)), TASK, seed=0)
    stem = 3 * 16 * 9 + 2 * 16
    expand = 16 * 48 + 2 * 48
    depthwise = 48 * 9 + 2 * 48
    excite = (48 * 12 + 12) + (12 * 48 + 48)
    project = 48 * 24 + 2 * 24
    assert count_parameters(network) == stem + expand + depthwise + excite + project + (24 * 10 + 10)


def test_same_seed_draws_the_same_weights_and_leaves_the_global_generator() -> None:
    architecture = SearchSpace().sample(random.Random(3))
    state = torch.get_rng_state()
    first, second = (build_network(architecture, TASK, seed=5) for _ in range(2))
    other = build_network(architecture, TASK, seed=6)
    assert torch.equal(torch.get_rng_state(), state)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)
    assert not torch.equal(first.stem.conv.weight, other.stem.conv.weight)


def test_every_gradient_of_training_lies_in_memory_as_its_features_do() -> None:
    # a gradient in another layout makes batch norm several times slower, and passes its layout on to all earlier layers
    stages = (make_stage(), make_stage(out_channels=32, stride=2, se_ratio=0.25, activation="swish", num_blocks=3))
    network = build_network(Architecture(stages), TASK, seed=0).to(memory_format=torch.channels_last).train()
    strayed: list[str] = []
    seen: Counter[str] = Counter()

    def note(what: str, name: str, tensor: torch.Tensor) -> None:
        seen[what] += 1
        if not tensor.is_contiguous(memory_format=torch.channels_last):
            strayed.append(f"{what} of {name}")

    def watch(name: str, features: torch.Tensor) -> None:
        if min(features.shape[1:]) == 1:
            return  # the layouts are equivalent
        note("features", name, features)
        features.register_hook(lambda gradient: note("gradient", name, gradient))

    for name, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d | SameConv2d):
            module.register_forward_hook(lambda _module, _given, found, name=name: watch(name, found))
    images = torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    network(images).square().sum().backward()
    assert seen["gradient"] == seen["features"] > 20
    assert strayed == []


def test_relu6_in_place_is_torchs_and_copies_nothing() -> None:
    edges = torch.tensor([-1.0, 0.0, 1e-7, 3.0, 6.0, 6.0001, 100.0])
    slopes, expected = torch.randn(7), edges.clone().requires_grad_()
    torch.nn.functional.relu6(expected).backward(slopes)
    ours = edges.clone().requires_grad_()
    features = ours + 0  # a leaf cannot be changed in place
    output = InplaceReLU6()(features)
    assert output.grad_fn is not None
    (saved,) = output.grad_fn.saved_tensors  # type: ignore[attr-defined]
    assert saved.data_ptr() == output.data_ptr() == features.data_ptr()
    output.backward(slopes)
    torch.testing.assert_close(output, edges.clamp(0, 6), rtol=0, atol=0)
    torch.testing.assert_close(ours.grad, expected.grad, rtol=0, atol=0)


def test_pointwise_convolution_is_the_same_as_a_product_of_matrices() -> None:
    convolution = SameConv2d(24, 40, 1, bias=False).double()
    images = torch.randn(3, 24, 5, 7, dtype=torch.double).contiguous(memory_format=torch.channels_last)
    found = {}
    for is_training in (True, False):
        given_images = images.clone(memory_format=torch.preserve_format).requires_grad_()
        output = convolution.train(is_training)(given_images)
        assert convolution._is_product(given_images) == is_training
        assert output.is_contiguous(memory_format=torch.channels_last)
        output.square().sum().backward()
        assert convolution.weight.grad is not None
        found[is_training] = output.detach(), given_images.grad, convolution.weight.grad.clone()
        convolution.zero_grad()
    torch.testing.assert_close(found[True], found[False])
