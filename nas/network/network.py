"""An architecture as a torch module: one of its three lowerings, from the same `plan_blocks` as the others."""

import math
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nas.network.blocks import ConvNormAct, InvertedBlock, pool_globally
from nas.space.architecture import Architecture, Task, plan_blocks

STEM_STRIDE = 2  # plan_blocks relies on it


class Network(nn.Module):
    """Stem, stages of blocks, classifier; (N, C, H, W) float images in, (N, num_classes) logits out.

    `stages[i][j]` is block j + 1 of stage i + 1. Weights are torch's defaults until `build_network` draws them.
    """

    def __init__(self, architecture: Architecture, task: Task) -> None:
        super().__init__()
        self.architecture = architecture
        self.task = task
        plans = plan_blocks(architecture, task)
        self.stem = ConvNormAct(task.channels, task.stem_channels, 3, stride=STEM_STRIDE, activation="relu6")
        self.stages = nn.ModuleList(
            nn.Sequential(*(InvertedBlock(plan) for plan in stage))
            for _, stage in groupby(plans, key=lambda plan: plan.stage)
        )
        self.classifier = nn.Linear(plans[-1].out_channels, task.num_classes)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of prepared (resized and normalized) images."""
        features: Tensor = self.stem(images)
        for stage in self.stages:
            features = stage(features)
        pooled = pool_globally(features, in_training=self.training)  # (N, C, H, W) -> (N, C)
        logits: Tensor = self.classifier(pooled)
        return logits


def build_network(architecture: Architecture, task: Task, *, seed: int) -> Network:
    """The network with weights drawn from `seed`; the global random generator is left untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(architecture, task)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                _draw_convolution(module)
        nn.init.normal_(network.classifier.weight, std=0.01)
        nn.init.zeros_(network.classifier.bias)
    return network


def _draw_convolution(convolution: nn.Conv2d) -> None:
    """He et al. 2015, fan-out mode, with the fan-out of one group (a depthwise filter feeds one channel)."""
    height, width = convolution.kernel_size
    fan_out = height * width * convolution.out_channels // convolution.groups
    nn.init.normal_(convolution.weight, std=math.sqrt(2 / fan_out))
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)


def count_parameters(network: nn.Module) -> int:
    """Trainable parameters of the float network, batch norm's scale and shift included (they fold at export)."""
    return sum(parameter.numel() for parameter in network.parameters())
