"""Measures how fast networks train, side by side with the loop most people would write.

    python -m benchmarks.training [--cores 2] [--rounds 3]

The plain loop: a DataLoader over PIL images, each resized to the input size and put through torchvision's AutoAugment,
then SGD in torch's default memory layout over torch's own layers. Ours: the `train` of every mini-phase. Same network,
recipe, batch and images (random 32x32 pixels, CIFAR's size). Either may use the cores as suits it best: the plain loop
with one thread or more, without worker processes and with them, ours with one thread or more. Each turn is a process of
its own, which trains an epoch to warm up and one that counts; each figure is the median over the rounds, and the best
ways are compared. Then an epoch of distillation on one thread, with cached logits and with a ViT-B/16 (random weights,
224 px) that sees every batch. Prints and writes benchmarks/results/training.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from benchmarks.costs import describe_machine, write
from nas.architecture import Architecture, Stage, Task
from nas.blocks import SameConv2d
from nas.cost import price
from nas.datasets.images import Dataset as Images
from nas.datasets.images import Source, Split, assemble_dataset
from nas.network import build_network
from nas.training import DistillRecipe, Recipe
from nas.training.distillation import distillation_loss
from nas.training.loop import train
from nas.training.torchvision_import import import_torchvision

STAGE = Stage("MBConv", 16, 3, 2, 3, 0, True, "relu6", 1)
LARGE = Architecture(  # 90 M MACs at 160 px
    (
        STAGE,
        replace(STAGE, out_channels=24, stride=1, num_blocks=2),
        replace(STAGE, out_channels=48, num_blocks=3),
        replace(STAGE, out_channels=96, kernel_size=5, expansion=4, num_blocks=3),
        replace(STAGE, out_channels=160, stride=1, expansion=4, num_blocks=2),
    )
)
SMALL = Architecture(  # 2.7 M MACs at 32 px, in the range of the preset cifar-cpu
    (
        replace(STAGE, block="DWSepConv", expansion=None, stride=1),
        replace(STAGE, out_channels=32),
        replace(STAGE, out_channels=64, num_blocks=2),
        replace(STAGE, out_channels=96, stride=1, num_blocks=2),
    )
)
BATCH, CLASSES, TEACHER_PIXELS, TEACHER_BATCH = 128, 100, 224, 32
RECIPE = Recipe(epochs=1, learning_rate=0.01, schedule="cosine", batch_size=BATCH, augmentation="autoaugment")
SETTINGS = {  # name: network, input pixels, images an epoch
    "160 px, 90 M MACs": (LARGE, 160, 2 * BATCH),
    "32 px, 3.6 M MACs": (LARGE, 32, 8 * BATCH),
    "32 px, 2.7 M MACs": (SMALL, 32, 8 * BATCH),
}


def draw_images(num: int) -> Images:
    """Random images, as many as are asked for in training, a handful for the rest."""
    rng = np.random.default_rng(0)
    whole = Split(
        rng.integers(0, 256, (num + CLASSES, 32, 32, 3), np.uint8), np.arange(num + CLASSES, dtype=np.int64) % CLASSES
    )
    source = Source(whole, whole.take(np.arange(CLASSES)), tuple(map(str, range(CLASSES))))
    data = assemble_dataset("cifar100", source, validation_fraction=CLASSES / (num + CLASSES), seed=0)
    return replace(data, validation=data.validation.take(np.arange(2)))  # validation is not what is measured


class PilImages(Dataset[tuple[Tensor, int]]):
    """What the plain loop's DataLoader reads."""

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
    """A function that runs an epoch and returns images a second, the workers' start excluded."""
    network = build_plain_network(architecture, task)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
    context = "fork" if workers else None  # torchvision's import needs preparation, which a new interpreter lacks
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
    """Images a second of an epoch of ours, its small validation included."""
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


def measure(architecture: Architecture, pixels: int, num: int, *, threads: int, workers: int | None) -> float:
    """Images a second of an epoch in a process of its own, after one to warm up. No `workers`: our loop."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, architecture, pixels, num, threads, workers))
    process.start()
    speed: float = receiver.recv()
    process.join()
    return speed


def _measure(
    sender: Connection, architecture: Architecture, pixels: int, num: int, threads: int, workers: int | None
) -> None:
    torch.set_num_threads(threads)
    data, task = draw_images(num), Task(pixels, pixels, 3, CLASSES)
    run = (
        (lambda: train_ours(architecture, task, data, RECIPE, None))
        if workers is None
        else train_plainly(architecture, task, data, workers)
    )
    run()
    sender.send(run())


def compare(architecture: Architecture, pixels: int, num: int, cores: int, rounds: int) -> dict[str, Any]:
    """Images a second of every way to use the cores, taking turns, and the ratio of the best ways."""
    plain = {(threads, workers) for threads in {1, cores} for workers in (0, cores)}
    ways: dict[str, tuple[int, int | None]] = {
        f"plain, {threads} threads, {workers} workers": (threads, workers) for threads, workers in sorted(plain)
    }
    ways |= {f"ours, {threads} threads": (threads, None) for threads in sorted({1, cores})}
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (threads, workers) in ways.items():
            seen[name].append(measure(architecture, pixels, num, threads=threads, workers=workers))
    found = {name: round(statistics.median(speeds), 1) for name, speeds in seen.items()}
    best = {kind: max(speed for name, speed in found.items() if name.startswith(kind)) for kind in ("plain", "ours")}
    macs = price(architecture, Task(pixels, pixels, 3, CLASSES)).macs
    return found | {"ratio": round(best["ours"] / best["plain"], 2), "macs": macs}


def compare_distillation(architecture: Architecture, pixels: int, num: int) -> dict[str, float]:
    """Images a second of a distillation epoch with cached logits and with the teacher at work."""
    import_torchvision()
    from timm import create_model

    data, task = draw_images(num), Task(pixels, pixels, 3, CLASSES)
    recipe = DistillRecipe(epochs=1, learning_rate=0.01, schedule="cosine", batch_size=TEACHER_BATCH)
    logits = torch.randn(len(data.train), CLASSES)
    train_ours(architecture, task, data, recipe, logits)
    cached = train_ours(architecture, task, data, recipe, logits)
    teacher = create_model("vit_base_patch16_224", pretrained=False, num_classes=CLASSES).eval()
    network = build_network(architecture, task, seed=0).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    pictures = torch.from_numpy(data.train.images[:TEACHER_BATCH]).permute(0, 3, 1, 2).float() / 255
    labels = torch.from_numpy(data.train.labels[:TEACHER_BATCH])
    start = time.perf_counter()
    with torch.inference_mode():
        answers = teacher(functional.interpolate(pictures, (TEACHER_PIXELS, TEACHER_PIXELS), mode="bilinear")).clone()
    students = functional.interpolate(pictures, (pixels, pixels), mode="bilinear")
    loss = distillation_loss(network(students), answers.detach().clone(), labels, 10.0, 0.5)
    loss.backward()
    optimizer.step()
    live = TEACHER_BATCH / (time.perf_counter() - start)
    return {"cached": round(cached, 1), "live_vit_b16": round(live, 2), "ratio": round(cached / live, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    machine = describe_machine().replace("one core", f"{arguments.cores} cores")
    results: dict[str, Any] = {"date": time.strftime("%Y-%m-%d"), "machine": machine, "torch": torch.__version__}
    results["images_per_second"] = {
        name: compare(*setting, arguments.cores, arguments.rounds) for name, setting in SETTINGS.items()
    }
    results["distillation"] = {
        name: compare_distillation(architecture, pixels, num // 2)
        for name, (architecture, pixels, num) in SETTINGS.items()
    }
    write("training.json", results)


if __name__ == "__main__":
    main()
