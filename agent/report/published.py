"""Published CIFAR-100 networks to compare with: the paper's Fig. 1 and tables, with units as published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedNetwork:
    """A published network: test accuracy in percent, millions of MACs and parameters, SRAM in KB of 1000 bytes.

    None where nothing is published. The SRAM is each author's own figure, for each author's own engine.
    """

    name: str
    accuracy_percent: float
    macs_m: float
    params_m: float | None
    sram_kb: float | None


@dataclass(frozen=True, slots=True)
class PublishedSearch:
    """A row of the paper's Table III: 500 iterations. Spreads are minimum, maximum and mean over the front."""

    name: str
    candidates: int
    on_front: int
    accuracy_percent: tuple[float, float, float]
    macs_m: tuple[float, float, float]
    params_m: tuple[float, float, float]


NETWORKS = (
    PublishedNetwork("LMaNet-Elite", 74.50, 86, 0.44, 165),
    PublishedNetwork("LMaNet-Core", 74.20, 82, 0.51, 215),
    PublishedNetwork("QwNet-Core", 73.00, 71, 0.18, 227),
    PublishedNetwork("MCUNet-in4", 72.86, 134, 1.73, 456),
    PublishedNetwork("MCUNet-in3", 69.62, 72, 0.74, 293),
    PublishedNetwork("XiNet-Class", 72.27, 259, None, 204),
    PublishedNetwork("MobileNetV2 x1.0 at 32x32", 74.20, 88, 2.35, None),
)

SEARCHES = (
    PublishedSearch("paper: Llama-3.2-3B", 127, 27, (38.68, 68.58, 60.50), (71.17, 255.86, 112.01), (0.04, 0.73, 0.15)),
    PublishedSearch("paper: Llama-3.1-8B", 100, 29, (45.33, 67.87, 61.50), (72.05, 322.36, 130.47), (0.03, 0.59, 0.18)),
    PublishedSearch("paper: Qwen2.5-3B", 213, 43, (48.41, 70.31, 61.90), (70.19, 327.28, 140.05), (0.05, 0.77, 0.25)),
)


def is_published_task(data_spec: str) -> bool:
    """Whether the published figures are for the same task."""
    return data_spec.partition(":")[0] == "cifar100"
