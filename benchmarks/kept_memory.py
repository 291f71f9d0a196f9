"""Counts the pages that the system clears for a training step, with freed memory kept in the process and without.

    python -m benchmarks.kept_memory [--steps 3] [--batch 128]

A process of its own for each way (the C library keeps its settings for good): minor page faults a step, after steps
that warm up, and the bytes that go back to the system at the end. Prints and
writes benchmarks/results/kept_memory.json.
"""

from __future__ import annotations

import argparse
import resource
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.results import write
from nas.network.network import build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training.malloc_settings import kept_memory

TASK = Task(32, 32, 3, 10)
ARCHITECTURE = Architecture((Stage("MBConv", 32, 3, 1, 3, 0, True, "relu6", 2),))


def measure(keeps: bool, steps: int, batch: int) -> dict[str, float]:
    """Minor page faults of a step, and the bytes that are given back when training ends."""
    torch.set_num_threads(1)
    network = build_network(ARCHITECTURE, TASK, seed=0).train()
    images = torch.randn(batch, TASK.channels, TASK.height, TASK.width)

    def step() -> None:
        network(images).sum().backward()

    with kept_memory() if keeps else nullcontext():
        for _ in range(steps):
            step()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(steps):
            step()
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        held = _count_resident_bytes()
    return {"page_faults_per_step": faults / steps, "bytes_given_back": held - _count_resident_bytes()}


def _count_resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128, help="images a step")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"torch": torch.__version__}
    for name, keeps in (("usual", False), ("kept", True)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found[name] = pool.submit(measure, keeps, arguments.steps, arguments.batch).result()
    write("kept_memory.json", found)


if __name__ == "__main__":
    main()
