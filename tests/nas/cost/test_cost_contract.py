"""The prices against what they predict: the converted file, the real TFLM runtime, and torch's own counts."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.cost import Price, lower, price
from nas.cost.screening import screen_runs
from nas.export.tflite import convert_int8, list_operators
from nas.export.tflm import measure_arena
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace

SIZES = (16, 20, 24, 32, 33, 40, 48, 64, 80, 96, 112, 128, 144, 160)
FILE_TOLERANCE = 0.015
ARENA_STEP = 16  # the smallest arena is searched in steps of TFLM's alignment
MAX_MACS = 80_000_000  # keeps a case down to seconds


def draw_case(seed: int, max_macs: int) -> tuple[Architecture, Task]:
    """Any architecture of 1 to 5 stages at any size, channels and classes, as long as it is cheap enough to run."""
    rng = random.Random(seed)
    while True:
        space = SearchSpace(num_stages=rng.randint(1, 5))
        height = rng.choice(SIZES)
        width = height if rng.random() < 0.5 else rng.choice(SIZES)
        task = Task(height, width, rng.choice((1, 3)), rng.randint(2, 100))
        architecture = space.sample(rng)
        if screen_runs(architecture, task) and price(architecture, task).macs <= max_macs:
            return architecture, task


def build_trained_like(architecture: Architecture, task: Task, seed: int) -> Network:
    """A network whose biases and batch norms are not at their initial values, as after training."""
    network = build_network(architecture, task, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)  # type: ignore[union-attr, operator]
            module.running_var.uniform_(0.5, 1.5, generator=generator)  # type: ignore[union-attr, operator]
        if isinstance(getattr(module, "bias", None), nn.Parameter):
            nn.init.normal_(module.bias, 0, 0.1, generator=generator)  # type: ignore[arg-type]
    return network.eval()


def count_macs(network: Network, task: Task) -> int:
    """Half of what torch's flop counter finds in convolutions and the linear layer."""
    with torch.device("meta"):
        image = torch.empty(1, task.channels, task.height, task.width)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network.to("meta")(image)
    return counter.get_total_flops() // 2


def check_arena(model: bytes, priced: Price) -> None:
    """Head and tail to the byte, and the smallest arena that starts."""
    measured = measure_arena(model)
    assert priced.head_bytes == measured.head_bytes
    recorded_bytes = measured.head_bytes + measured.tail_bytes
    assert priced.host_total_bytes == recorded_bytes, "recalibrate: python -m benchmarks.calibrate_costs"
    assert abs(priced.host_arena_bytes - measured.total_bytes) <= ARENA_STEP


def check_case(seed: int, max_macs: int) -> None:
    architecture, task = draw_case(seed, max_macs)
    network = build_trained_like(architecture, task, seed)
    priced, operators = price(architecture, task), lower(architecture, task)
    images = np.random.default_rng(seed).normal(size=(2, task.height, task.width, task.channels))
    model = convert_int8(network, architecture, task, images.astype(np.float32))
    assert tuple(operator.op for operator in operators.operators) == list_operators(model)
    check_arena(model, priced)
    assert abs(priced.tflite_bytes - len(model)) <= FILE_TOLERANCE * len(model)
    assert priced.params == sum(parameter.numel() for parameter in network.parameters())
    assert priced.macs == count_macs(network, task)


@pytest.mark.parametrize("seed", range(5))
def test_prices_equal_what_the_converter_the_runtime_and_torch_say(seed: int) -> None:
    check_case(seed, MAX_MACS // 10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 148))
def test_prices_equal_measurements_all_over_the_space(seed: int) -> None:
    check_case(seed, MAX_MACS)


def test_planning_memory_and_not_the_head_decides_the_arena_of_a_deep_network_on_a_tiny_image() -> None:
    stage = {"block": "DWSepConv", "out_channels": 16, "kernel_size": 3, "stride": 1, "se_ratio": 0.25}
    stage |= {"skip": True, "activation": "relu6", "num_blocks": 6}
    stages = [stage | {"stride": 2, "num_blocks": 1}, stage, stage]
    architecture, task = SearchSpace(num_stages=3).parse({"stages": stages}), Task(16, 16, 1, 2)
    network = build_trained_like(architecture, task, 0)
    model = convert_int8(network, architecture, task, np.zeros((1, 16, 16, 1), np.float32) + 1)
    priced = price(architecture, task)
    assert priced.host_arena_bytes > priced.host_total_bytes
    assert priced.arena_bytes > priced.total_bytes
    check_arena(model, priced)
