"""Networks with non-trivial weights, and their conversions, made once per test run."""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nas.export.tflite import convert_int8
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.space.search_space import SchemaError, SearchSpace


@dataclass(frozen=True)
class Example:
    """A network in eval mode and images (N, H, W, C) it was warmed up on."""

    network: Network
    architecture: Architecture
    task: Task
    images: NDArray[np.float32]

    @property
    def torch_images(self) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.images.transpose(0, 3, 1, 2)))

    def convert(self) -> bytes:
        return convert_int8(self.network, self.architecture, self.task, self.images)


def make_example(architecture: Architecture, task: Task, seed: int, num_images: int = 16) -> Example:
    """Random weights; batch norms with random scale and shift and the statistics of random images."""
    network = build_network(architecture, task, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(num_images, task.channels, task.height, task.width, generator=generator)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)
                module.momentum = 1.0  # one pass sets the statistics
        network.classifier.weight.normal_(0, 0.3, generator=generator)
        network.train()
        network(images)
    return Example(network.eval(), architecture, task, images.permute(0, 2, 3, 1).contiguous().numpy())


def random_example(seed: int) -> Example:
    """Four random stages, odd and even sizes, one or three channels."""
    rng = random.Random(seed)
    space = SearchSpace(num_stages=4, out_channels=(16, 24, 32), num_blocks=(1, 2))
    while True:
        architecture = space.sample(rng)
        size = rng.choice([16, 21, 32, 33]), rng.choice([16, 19, 32])
        task = Task(*size, channels=rng.choice([1, 3]), num_classes=rng.choice([2, 10, 100]))
        try:
            space.check_resolution(architecture, task)
        except SchemaError:
            continue
        return make_example(architecture, task, seed)


ALL_FEATURES = Architecture(
    (
        Stage("DWSepConv", 16, 3, 1, None, 0.25, True, "swish", 1),
        Stage("MBConv", 24, 5, 2, 3, 0.5, False, "leaky_relu", 2),
        Stage("MBConv", 24, 7, 1, 4, 0, True, "relu6", 1),
    )
)


@functools.cache
def full_example() -> Example:
    """One network with every block, activation, SE, an effective skip, both strides, on odd sizes."""
    return make_example(ALL_FEATURES, Task(21, 16, 3, 10), seed=0)


@functools.cache
def full_model() -> bytes:
    """Its int8 TFLite file."""
    return full_example().convert()
