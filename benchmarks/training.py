"""Measures how fast networks train, side by side with the loop most people would write.

    python -m benchmarks.training [--cores 2] [--networks 5] [--rounds 1]

The networks are drawn at random from the legal part of two presets: `paper` (160 px; of these the ones of 70 to 90 M
MACs, as the paper's published networks) and `cifar-cpu` (32 px). The plain loop: a DataLoader over PIL images, each
resized to the input size and put through torchvision's AutoAugment, then SGD in torch's default memory layout over
torch's own layers. Ours: the `train` of every mini-phase. Same network, recipe, batch and images (random 32x32 pixels,
CIFAR's size). Either may use the cores as suits it best: the plain loop with one thread or more, without worker
processes and with them, ours with one thread or more. Each turn is a process of its own, which trains an epoch to warm
up and one that counts; each figure is the median over the rounds, and the best ways are compared. Then distillation on
all cores, with cached logits and with a ViT-B/16 (random weights, 224 px) that sees every batch of the same loop.
Prints and writes benchmarks/results/training.json.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from agent.config import resolve_config
from benchmarks.results import write
from nas.cost import price, sample_feasible
from nas.datasets.images import Dataset as Images
from nas.datasets.images import Source, Split, assemble_dataset
from nas.network.blocks import SameConv2d
from nas.network.network import build_network
from nas.space.architecture import Architecture, Task
from nas.training import DistillRecipe, Recipe
from nas.training.loop import train
from nas.training.torchvision_import import import_torchvision

BATCH, CLASSES, TEACHER_PIXELS, TEACHER_BATCH, WARM_UP = 128, 100, 224, 64, 4
RECIPE = Recipe(epochs=1, learning_rate=0.01, schedule="cosine", batch_size=BATCH, augmentation="autoaugment")
DISTILL = DistillRecipe(epochs=1, learning_rate=0.01, schedule="cosine", batch_size=BATCH)


Prepare = Callable[[Images], Callable[[], float]]  # makes the function that runs an epoch and returns images per second


@dataclass(frozen=True, slots=True)
class Setting:
    """A preset, which of its legal networks are used, and how many images an epoch has."""

    preset: str
    macs: tuple[int, int]
    images: int


SETTINGS = {
    "160 px": Setting("paper", (70_000_000, 90_000_000), 2 * BATCH),
    "32 px": Setting("cifar-cpu", (1_000_000, 5_000_000), 8 * BATCH),
}


def draw_networks(setting: Setting, num: int) -> tuple[Task, list[Architecture]]:
    """The preset's task, and the first of its random legal architectures within the setting's MACs."""
    config = resolve_config(setting.preset)
    task, rng = config.resolve_task(), random.Random(0)
    drawn: list[Architecture] = []
    while len(drawn) < num:
        one = sample_feasible(config.resolve_space(), task, config.resolve_budget(), rng)
        if setting.macs[0] <= price(one, task).macs <= setting.macs[1]:
            drawn.append(one)
    return task, drawn


def draw_images(num: int) -> Images:
    """Random images: as many as requested for training, a handful for the rest."""
    rng = np.random.default_rng(0)
    whole = Split(
        rng.integers(0, 256, (num + CLASSES, 32, 32, 3), np.uint8), np.arange(num + CLASSES, dtype=np.int64) % CLASSES
    )
    source = Source(whole, whole.take(np.arange(CLASSES)), tuple(map(str, range(CLASSES))))
    data = assemble_dataset("cifar100", source, validation_fraction=CLASSES / (num + CLASSES), seed=0)
    return replace(data, validation=data.validation.take(np.arange(2)))  # validation is not measured


class PilImages(Dataset[tuple[Tensor, int]]):
    """The data set read by the plain loop's DataLoader."""

    def __init__(self, data: Images, pixels: int) -> None:
        import_torchvision()
        from torchvision import transforms

        self._data = data.train
        self._prepare = transforms.Compose(
            [
                transforms.Resize((pixels, pixels)),
                transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10),
                transforms.ToTensor(),
                transforms.Normalize(data.mean, data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._prepare(Image.fromarray(self._data.images[index])), int(self._data.labels[index])


def build_plain_network(architecture: Architecture, task: Task) -> nn.Module:
    """The same network of torch's own layers, padded alike on both sides (SAME may differ by one)."""
    network = build_network(architecture, task, seed=0)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, SameConv2d):
                kernel = child.kernel_size[0]
                plain = nn.Conv2d(
                    child.in_channels,
                    child.out_channels,
                    kernel,
                    child.stride,
                    padding=kernel // 2,
                    groups=child.groups,
                    bias=child.bias is not None,
                )
                plain.load_state_dict(child.state_dict())
                setattr(module, name, plain)
            elif isinstance(child, nn.ReLU6):
                setattr(module, name, nn.ReLU6(inplace=True))
    return network


def train_plainly(architecture: Architecture, task: Task, data: Images, workers: int) -> Callable[[], float]:
    """A function that runs an epoch and returns images per second, the workers' start excluded."""
    network = build_plain_network(architecture, task)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
    context = "fork" if workers else None  # torchvision's import needs preparation, which a fresh interpreter lacks
    loader = DataLoader(
        PilImages(data, task.height),
        BATCH,
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=context,
    )
    if workers:
        iter(loader)

    def run() -> float:
        start = time.perf_counter()
        for images, labels in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
        return len(data.train) / (time.perf_counter() - start)

    return run


def train_ours(architecture: Architecture, task: Task, data: Images, recipe: Recipe, logits: Tensor | None) -> float:
    """Images per second of an epoch of our loop, its small validation included."""
    network = build_network(architecture, task, seed=0)
    result = train(
        network,
        data,
        task,
        recipe,
        phase="mini",
        seed=0,
        folder=None,
        on_epoch=lambda _: None,
        teacher_logits=logits,
    )
    return len(data.train) / result.curve[-1].seconds


def distill_live(architecture: Architecture, task: Task, data: Images) -> float:
    """Images per second of a step of our distillation with logits computed by a ViT-B/16."""
    import_torchvision()
    from timm import create_model

    teacher = create_model("vit_base_patch16_224", pretrained=False, num_classes=CLASSES).eval()
    pictures = torch.from_numpy(data.train.images[:TEACHER_BATCH]).permute(0, 3, 1, 2).float() / 255
    seen = functional.interpolate(pictures, (TEACHER_PIXELS, TEACHER_PIXELS), mode="bilinear")
    few = data.train.take(np.arange(TEACHER_BATCH))
    with torch.inference_mode():
        teacher(seen[:WARM_UP])
        start = time.perf_counter()
        logits = teacher(seen)
        seconds = time.perf_counter() - start
    # the student's share is that of a batch in `train`, during which the teacher waits
    recipe = DISTILL.model_copy(update={"batch_size": TEACHER_BATCH})
    speed = train_ours(architecture, task, replace(data, train=few), recipe, logits.clone())
    return 1 / (seconds / TEACHER_BATCH + 1 / speed)


def distill_cached(architecture: Architecture, task: Task, data: Images) -> float:
    """Images per second of an epoch of our distillation with cached logits."""
    return train_ours(architecture, task, data, DISTILL, torch.zeros(len(data.train), CLASSES))


def measure(prepare: Prepare, num: int, threads: int) -> float:
    """Images per second of an epoch in a process of its own, after one to warm up."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, prepare, num, threads))
    process.start()
    sender.close()  # otherwise we would wait for a process that has failed
    speed: float = receiver.recv()
    process.join()
    return speed


def _measure(sender: Connection, prepare: Prepare, num: int, threads: int) -> None:
    torch.set_num_threads(threads)
    run = prepare(draw_images(num))
    run()
    sender.send(run())


def prepare_ours(
    run: Callable[[Architecture, Task, Images], float], architecture: Architecture, task: Task, data: Images
) -> Callable[[], float]:
    """A function that runs an epoch of one of our loops and returns images per second."""
    return partial(run, architecture, task, data)


def train_mini(architecture: Architecture, task: Task, data: Images) -> float:
    """Images per second of an epoch of the mini-phase."""
    return train_ours(architecture, task, data, RECIPE, None)


def compare(architecture: Architecture, task: Task, num: int, cores: int, rounds: int) -> dict[str, Any]:
    """Images per second of every way to use the cores, taking turns, and the ratios of the best ways."""
    ways: dict[str, tuple[Prepare, int]] = {}
    for threads, workers in sorted({(1, cores), (cores, 0), (cores, cores)}):
        ways[f"plain, {threads} threads, {workers} workers"] = (
            partial(train_plainly, architecture, task, workers=workers),
            threads,
        )
    for threads in sorted({1, cores}):
        ways[f"ours, {threads} threads"] = partial(prepare_ours, train_mini, architecture, task), threads
    ways["live ViT-B/16"] = partial(prepare_ours, distill_live, architecture, task), cores
    ways["cached logits"] = partial(prepare_ours, distill_cached, architecture, task), cores
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (prepare, threads) in ways.items():
            seen[name].append(measure(prepare, num, threads))
    found = {name: statistics.median(speeds) for name, speeds in seen.items()}
    best = {kind: max(speed for name, speed in found.items() if name.startswith(kind)) for kind in ("plain", "ours")}
    costs = price(architecture, task)
    return {
        "macs": costs.macs,
        "arena_bytes": costs.arena_bytes,
        "images_per_second": {name: round(speed, 2) for name, speed in found.items()},
        "ratio": round(best["ours"] / best["plain"], 2),
        "distillation_ratio": round(found["cached logits"] / found["live ViT-B/16"], 1),
        "architecture": architecture.to_dict(),
    }


def summarize(networks: list[dict[str, Any]], name: str) -> dict[str, float]:
    """The least, the median and the greatest ratio."""
    values = [network[name] for network in networks]
    return {"min": min(values), "median": round(statistics.median(values), 2), "max": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        task, drawn = draw_networks(setting, arguments.networks)
        networks = []
        for architecture in drawn:
            networks.append(compare(architecture, task, setting.images, arguments.cores, arguments.rounds))
            print(name, {key: value for key, value in networks[-1].items() if key != "architecture"}, flush=True)
        ratios = {ratio: summarize(networks, ratio) for ratio in ("ratio", "distillation_ratio")}
        results[name] = ratios | {"networks": networks}
    write("training.json", results, used=f"{arguments.cores} of the cores")


if __name__ == "__main__":
    main()
