"""Calibrates the cost model's constants against real runtimes and files, and prints what they leave unexplained.

    python -m benchmarks.calibrate_costs [--count 60] [--mcufit DIR]

Converts random architectures to int8 TFLite, records their arenas in TFLM on this host (tflite_micro) and, with
--mcufit, in TFLM compiled to 32-bit WebAssembly, which the PyPI package mcufit carries (DIR is its unpacked `mcufit`
folder; node must be on the path; mcufit is used here only). Prints the residuals of `nas/cost/tail.py` and
`nas/cost/flash.py`, then the constants that fit these measurements: copy them over if the residuals of the current ones
are not 0 (tail) or not small (file). Writes benchmarks/results/calibrate_costs.json.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import write
from nas.cost import lower, price
from nas.cost.flash import CHANNEL_BYTES, FILE_BYTES, STEP_BYTES, step_key
from nas.cost.operators import OperatorList, Step, align, block_steps, classifier_steps, stem_steps
from nas.cost.screening import screen_runs
from nas.cost.stage_costs import network_costs, sum_tails
from nas.cost.tail import HOST, MCU, OP_DATA_BYTES, START_OFFSET, WASM_BENCHMARK_BYTES, Runtime, TailTerms, tail_bytes
from nas.space.architecture import Architecture, Task, plan_blocks
from nas.space.search_space import SearchSpace

SIZES = (16, 24, 32, 40, 48, 64, 80, 96, 128, 160)
MAX_MACS = 60_000_000  # one case takes a second or two
WASM_MODEL_BYTES = 2_000_000  # larger files do not fit mcufit's build
WASM_HEAD_BYTES = 2_500_000


@dataclass(frozen=True)
class Case:
    """One architecture with its measurements; the 32-bit figures are None if mcufit was not used."""

    architecture: Architecture
    task: Task
    operators: OperatorList
    file_bytes: int
    host_head: int
    host_tail: int
    wasm_head: int | None
    wasm_tail: int | None

    @property
    def terms(self) -> TailTerms:
        return sum_tails(network_costs(self.architecture, self.task))


def draw_case(rng: random.Random) -> tuple[Architecture, Task]:
    while True:
        space = SearchSpace(num_stages=rng.randint(1, 5))
        height = rng.choice(SIZES)
        width = height if rng.random() < 0.6 else rng.choice(SIZES)
        task = Task(height, width, rng.choice((1, 3)), rng.randint(2, 100))
        architecture = space.sample(rng)
        if screen_runs(architecture, task) and price(architecture, task).macs <= MAX_MACS:
            return architecture, task


def convert(architecture: Architecture, task: Task, seed: int) -> bytes:
    """The int8 file of the architecture with weights as after training: no bias or batch norm at its initial value."""
    import torch
    from torch import nn

    from nas.export.tflite import convert_int8
    from nas.network.network import build_network

    network = build_network(architecture, task, seed=seed).eval()
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, 0, 0.1)
        if isinstance(getattr(module, "bias", None), nn.Parameter):
            nn.init.normal_(module.bias, 0, 0.1)
    images = np.random.default_rng(seed).normal(size=(2, task.height, task.width, task.channels))
    return convert_int8(network, architecture, task, images.astype(np.float32))


def measure_wasm(model: bytes, mcufit: Path) -> tuple[int, int] | None:
    """(head, tail) in bytes of the wasm32 TFLM, None for a model too large for it."""
    if len(model) > WASM_MODEL_BYTES:
        return None
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        command = ["node", str(mcufit / "wasm" / "run_benchmark.mjs"), file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head = re.search(r"NonPersistent\s*\|\s*(\d+)", text)
    tail = re.search(r"\bPersistent\s*\|\s*(\d+)", text)
    return (int(head[1]), int(tail[1])) if head and tail else None


def measure(seed: int, mcufit: Path | None) -> Case:
    from nas.export.tflm import measure_arena

    architecture, task = draw_case(random.Random(seed))
    model = convert(architecture, task, seed)
    arena = measure_arena(model)
    small = price(architecture, task).head_bytes <= WASM_HEAD_BYTES
    wasm = measure_wasm(model, mcufit) if mcufit and small else None
    head, tail = wasm or (None, None)
    operators = lower(architecture, task)
    return Case(architecture, task, operators, len(model), arena.head_bytes, arena.tail_bytes, head, tail)


def tail_residuals(cases: Sequence[Case]) -> dict[str, list[int]]:
    """Measured minus predicted tail bytes, per runtime."""
    host = [case.host_tail - tail_bytes(case.terms, HOST) for case in cases]
    wasm = [
        case.wasm_tail - WASM_BENCHMARK_BYTES - tail_bytes(case.terms, MCU)
        for case in cases
        if case.wasm_tail is not None
    ]
    return {"host": host, "mcu": wasm}


def head_residuals(cases: Sequence[Case]) -> list[int]:
    """Measured minus predicted head bytes, of both runtimes."""
    residuals: list[int] = []
    for case in cases:
        predicted = price(case.architecture, case.task).head_bytes
        residuals += [head - predicted for head in (case.host_head, case.wasm_head) if head is not None]
    return residuals


def fit_tail(cases: Sequence[Case], tails: Sequence[int], runtime: Runtime) -> dict[str, Any]:
    """The start offset and fixed bytes with the least residual spread, and the mean share of each kind of operator.

    Struct sizes are TFLM's and not fitted; the shares show which of them changed, should the spread not be 0.
    """
    best: dict[str, Any] = {}
    for start in range(0, 16, 4):
        moved = [
            tail
            - tail_bytes(case.terms, replace(runtime, fixed=0))
            + align(START_OFFSET + _structs(case.terms, runtime))
            - align(start + _structs(case.terms, runtime))
            for case, tail in zip(cases, tails, strict=True)
        ]
        spread = max(moved) - min(moved)
        if not best or spread < best["spread"]:
            best = {"START_OFFSET": start, "fixed": max(moved), "spread": spread}
    kinds = [kind for kind in OP_DATA_BYTES if kind != "FULLY_CONNECTED"]
    rows = [[sum(op.op == kind for op in case.operators.operators) for kind in kinds] + [1] for case in cases]
    left = [tail - tail_bytes(case.terms, runtime) for case, tail in zip(cases, tails, strict=True)]
    solution = np.linalg.lstsq(np.array(rows, float), np.array(left, float), rcond=None)[0]
    best["unexplained_bytes_a_operator"] = {k: round(float(v), 1) for k, v in zip(kinds, solution, strict=False)}
    return best


def _structs(terms: TailTerms, runtime: Runtime) -> int:
    return (terms.tensors + 2) * runtime.eval_tensor + terms.operators * runtime.node + terms.options


def fit_file(cases: Sequence[Case]) -> tuple[dict[str, float], list[float]]:
    """The file's bytes per step, by least squares on what weights and channels leave unexplained, and the residuals."""
    rows, left = [], []
    for case in cases:
        steps = list_steps(case.architecture, case.task)
        counts = Counter(step_key(step.name, step.fused) for step in steps)
        rows.append([counts[key] for key in STEP_BYTES] + [1])
        left.append(case.file_bytes - sum(step.weights + CHANNEL_BYTES * step.biases for step in steps))
    solution = np.linalg.lstsq(np.array(rows, float), np.array(left, float), rcond=None)[0]
    constants = {name: round(float(value), 1) for name, value in zip([*STEP_BYTES, "FILE"], solution, strict=True)}
    return constants, (np.array(left) - np.array(rows) @ solution).tolist()


def list_steps(architecture: Architecture, task: Task) -> list[Step]:
    """The steps of the stages; stem and head are in every file and so in its constant part."""
    steps = [*stem_steps(task), *classifier_steps(task, architecture.stages[-1].out_channels)]
    for plan in plan_blocks(architecture, task):
        steps += block_steps(plan)
    return steps


def summarize(cases: Sequence[Case], seconds: float) -> dict[str, Any]:
    residuals = tail_residuals(cases)
    fitted, leftover = fit_file(cases)
    files = [case.file_bytes - price(case.architecture, case.task).tflite_bytes for case in cases]
    shares = [abs(left) / case.file_bytes for left, case in zip(files, cases, strict=True)]
    small = [case for case in cases if case.wasm_tail is not None]
    wasm_tails = [case.wasm_tail - WASM_BENCHMARK_BYTES for case in small if case.wasm_tail is not None]
    fits: dict[str, Any] = {"host": fit_tail(cases, [case.host_tail for case in cases], HOST)}
    if small:
        fits["mcu"] = fit_tail(small, wasm_tails, MCU)
    return {
        "versions": {name: version(name) for name in ("tensorflow", "tflite_micro")},
        "seconds": round(seconds),
        "num_architectures": len(cases),
        "num_32_bit": len(small),
        "head_residual_bytes": _spread(head_residuals(cases)),
        "tail_residual_bytes": {name: _spread(found) for name, found in residuals.items() if found},
        "file_residual_bytes": _spread(files),
        "file_residual_share": round(max(shares), 5),
        "current_file_constants": {**STEP_BYTES, "FILE": FILE_BYTES},
        "fitted_file_constants": fitted,
        "fitted_file_residual_bytes": _spread([round(left) for left in leftover]),
        "fitted_tail_constants": fits,
    }


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {"min": min(values), "max": max(values), "mean": round(sum(values) / len(values), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="architectures to measure")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first one")
    parser.add_argument("--mcufit", type=Path, help="the folder `mcufit` of the unpacked package mcufit 0.5.2")
    arguments = parser.parse_args()
    started = time.monotonic()
    cases: list[Case] = []
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        cases.append(measure(seed, arguments.mcufit))
        print(f"\r{len(cases)} of {arguments.count}", end="", flush=True)
    summary = summarize(cases, time.monotonic() - started)
    print("\r", end="")
    write("calibrate_costs.json", summary)


if __name__ == "__main__":
    main()
