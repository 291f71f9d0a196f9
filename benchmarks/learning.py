"""Trains one small network of the search space on real CIFAR-100 and shows its curve.

    python -m benchmarks.learning --data cifar100:DIR [--epochs 12] [--threads 1]

The network has 2.7 M MACs at 32x32, in the range of the preset cifar-cpu; 45,000 images train it, 5,000 validate it
after each epoch, and the 10,000 test images are read once, at the end. Prints the curve and writes
benchmarks/results/learning.json. With `--folder DIR` it leaves checkpoints there and goes on after the last one.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.results import write
from nas.cost import price
from nas.datasets import load_dataset
from nas.network.network import build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training import EpochResult, Recipe
from nas.training.loop import train
from nas.training.prediction import evaluate_accuracy

STAGE = Stage("MBConv", 32, 3, 2, 3, 0, True, "relu6", 1)
NETWORK = Architecture(
    (
        replace(STAGE, block="DWSepConv", out_channels=16, expansion=None, stride=1),
        STAGE,
        replace(STAGE, out_channels=64, num_blocks=2),
        replace(STAGE, out_channels=96, stride=1, num_blocks=2),
    )
)


def tell(epoch: EpochResult) -> None:
    print(
        f"epoch {epoch.epoch}/{epoch.epochs}: loss {epoch.loss:.3f}, validation {epoch.validation_accuracy:.2%}, "
        f"{epoch.seconds:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    data = load_dataset(arguments.data, validation_fraction=0.1, seed=0)
    task = Task(32, 32, data.train.images.shape[3], data.num_classes)
    recipe = Recipe(
        epochs=arguments.epochs, learning_rate=0.2, schedule="warmup-cosine", warmup_epochs=1, augmentation="shift"
    )
    network = build_network(NETWORK, task, seed=0)
    result = train(network, data, task, recipe, phase="full", seed=0, folder=arguments.folder, on_epoch=tell)
    costs = price(NETWORK, task)
    write(
        "learning.json",
        {
            "data": data.name,
            "images": [len(data.train), len(data.validation), len(data.test)],
            "macs": costs.macs,
            "params": costs.params,
            "recipe": recipe.model_dump(),
            "curve": [
                {name: round(value, 4) for name, value in asdict(epoch).items() if name != "epochs"}
                for epoch in result.curve
            ],
            "validation_accuracy": round(result.validation_accuracy, 4),
            "test_accuracy": round(evaluate_accuracy(network, data.test, data, task), 4),
        },
        used=f"{arguments.threads} threads",
    )


if __name__ == "__main__":
    main()
