"""Measures the cost model's speed on one core, and how uniform its legal draws are.

    python -m benchmarks.costs [--seed 0] [--uniformity N]

Reports, in one run: architectures priced a second; the time of the feedback on an illegal architecture, with all single
edits priced and with the two-field search behind them; legal draws a second; the time to convert one network and
measure it in TFLM. With --uniformity, N legal draws are compared with N that blind rejection found.
Prints a table and writes benchmarks/results/costs.json (and feasible_uniformity.json).
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.results import write
from nas.cost import Budget, find_violations, lower, price, report, sample_feasible
from nas.cost.screening import price_if_legal, screen_runs
from nas.cost.stage_costs import classifier_costs, kernelless_costs, stage_costs, stem_costs
from nas.space.architecture import Architecture, Task
from nas.space.search_space import STAGE_FIELDS, SearchSpace

NUM_PRICED = 6_000
NUM_ILLEGAL = 150
NUM_DRAWN = 30
NUM_CONVERTED = 3
CONVERTED_MACS = range(70_000_000, 120_000_000)


@dataclass(frozen=True)
class Setting:
    """A search to measure: space, task and budget as in the preset of that name."""

    name: str
    space: SearchSpace
    task: Task
    budget: Budget


PAPER = Setting(
    "paper",
    SearchSpace(),
    Task(160, 160, 3, 100),
    Budget(macs_min=70_000_000, macs_max=350_000_000, peak_sram_bytes=327_680, flash_bytes=2_097_152),
)
QUICK = Setting(
    "quick",
    SearchSpace(num_stages=3),
    Task(32, 32, 1, 10),
    Budget(macs_min=500_000, macs_max=4_000_000, peak_sram_bytes=49_152, flash_bytes=524_288),
)


def forget() -> None:
    """Clear the caches of pricing: measurements start cold."""
    for remembered in (stem_costs, kernelless_costs, stage_costs, classifier_costs):
        remembered.cache_clear()


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """(CPU seconds, result)."""
    started = time.process_time()
    result = action()
    return time.process_time() - started, result


def measure_pricing(setting: Setting, seed: int) -> dict[str, float]:
    """Prices random architectures, no two alike, with cold caches."""
    rng = random.Random(seed)
    drawn = [setting.space.sample(rng) for _ in range(NUM_PRICED)]
    forget()
    gc.collect()
    gc.freeze()  # garbage collection of the thousands of drawn architectures is not part of pricing
    seconds, _ = timed(lambda: deque((price(a, setting.task) for a in drawn), maxlen=0))
    gc.unfreeze()
    operators = statistics.mean(len(lower(a, setting.task).operators) for a in drawn[:200])
    reported, _ = timed(lambda: [report(architecture, setting.task) for architecture in drawn[:200]])
    return {
        "priced_per_second": NUM_PRICED / seconds,
        "full_reports_per_second": 200 / reported,
        "mean_operators": operators,
    }


def measure_feedback(setting: Setting, seed: int) -> dict[str, float]:
    """Feedback on random illegal architectures, with cold caches before each."""
    rng = random.Random(seed)
    singles: list[float] = []
    pairs: list[float] = []
    cured = 0
    while len(singles) + len(pairs) < NUM_ILLEGAL:
        architecture = setting.space.sample(rng)
        if screen_runs(architecture, setting.task) is None:
            continue
        forget()
        seconds, violations = timed(
            lambda a=architecture: find_violations(a, setting.space, setting.task, setting.budget)
        )
        if not violations:
            continue
        edits = violations[0].cheapest_edits
        cured += bool(edits)
        (singles if edits and len(edits[0].changes) == 1 else pairs).append(1000 * seconds)
    result = {"illegal": float(NUM_ILLEGAL), "cured_by_one_or_two_fields": cured / NUM_ILLEGAL}
    for name, times in (("single", singles), ("two_field", pairs)):
        if times:
            result |= {f"{name}_ms_median": statistics.median(times), f"{name}_ms_max": max(times)}
    return result


def measure_drawing(setting: Setting, seed: int) -> dict[str, float]:
    forget()
    rng = random.Random(seed)
    seconds, _ = timed(
        lambda: [sample_feasible(setting.space, setting.task, setting.budget, rng) for _ in range(NUM_DRAWN)]
    )
    return {"ms_a_legal_draw": 1000 * seconds / NUM_DRAWN}


def measure_conversion(setting: Setting, seed: int) -> dict[str, float]:
    """Wall time to convert a legal network of the paper's size and to measure it in TFLM (import not counted)."""
    import numpy as np

    from nas.export.tensorflow_runtime import load_tensorflow
    from nas.export.tflite import convert_int8
    from nas.export.tflm import measure_arena
    from nas.network.network import build_network

    load_tensorflow()
    rng = random.Random(seed)
    converted: list[float] = []
    measured: list[float] = []
    while len(converted) < NUM_CONVERTED:
        architecture = sample_feasible(setting.space, setting.task, setting.budget, rng)
        if price(architecture, setting.task).macs not in CONVERTED_MACS:
            continue
        task = setting.task
        network = build_network(architecture, task, seed=0).eval()
        images = np.random.default_rng(0).normal(size=(8, task.height, task.width, task.channels)).astype(np.float32)
        started = time.perf_counter()
        model = convert_int8(network, architecture, task, images)
        converted.append(time.perf_counter() - started)
        started = time.perf_counter()
        measure_arena(model)
        measured.append(time.perf_counter() - started)
    return {"convert_seconds": statistics.median(converted), "measure_seconds": statistics.median(measured)}


def draw_by_rejection(setting: Setting, rng: random.Random) -> Architecture:
    while True:
        architecture = setting.space.sample(rng)
        if price_if_legal(architecture, setting.task, setting.budget):
            return architecture


def compare_draws(setting: Setting, count: int, seed: int) -> dict[str, Any]:
    """Total variation distance, field by field and for deciles of costs, of legal draws from blind rejection.

    `noise` is the same figure for two equally large samples of blind rejection: the floor at this sample size.
    """
    rng = random.Random(seed)
    task = setting.task
    drawn = [sample_feasible(setting.space, task, setting.budget, rng) for _ in range(count)]
    reference = [draw_by_rejection(setting, rng) for _ in range(count)]
    other = [draw_by_rejection(setting, rng) for _ in range(count)]
    fields = [(stage, field) for stage in range(setting.space.num_stages) for field in STAGE_FIELDS]
    result: dict[str, Any] = {"draws": count, "distance": {}, "noise": {}}
    for name, sample in (("distance", drawn), ("noise", other)):
        by_field = {
            f"stage {stage + 1} {field}": variation(
                Counter(getattr(a.stages[stage], field) for a in sample),
                Counter(getattr(a.stages[stage], field) for a in reference),
            )
            for stage, field in fields
        }
        costs = {
            figure: variation(*deciles([price(a, task) for a in sample], [price(a, task) for a in reference], figure))
            for figure in ("macs", "total_bytes", "flash_bytes")
        }
        worst = max(by_field, key=by_field.__getitem__)
        result[name] = {
            "mean_over_fields": round(statistics.mean(by_field.values()), 4),
            "worst_field": [worst, round(by_field[worst], 4)],
            **{f"{figure}_deciles": round(value, 4) for figure, value in costs.items()},
        }
    return result


def deciles(sample: list[Any], reference: list[Any], figure: str) -> tuple[Counter[Any], Counter[Any]]:
    """How many of each sample fall between the reference sample's deciles of a cost."""
    bounds = statistics.quantiles([getattr(one, figure) for one in reference], n=10)

    def count(prices: list[Any]) -> Counter[Any]:
        return Counter(sum(getattr(one, figure) > bound for bound in bounds) for one in prices)

    return count(sample), count(reference)


def variation(first: Counter[Any], second: Counter[Any]) -> float:
    """Total variation distance of two empirical distributions: 0 alike, 1 disjoint."""
    keys = first.keys() | second.keys()
    return sum(abs(first[key] / first.total() - second[key] / second.total()) for key in keys) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--uniformity", type=int, metavar="N", help="only compare N legal draws with blind rejection")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for tensorflow's threads too
    head = {"seed": arguments.seed}
    if arguments.uniformity:
        found = {s.name: compare_draws(s, arguments.uniformity, arguments.seed) for s in (QUICK, PAPER)}
        write("feasible_uniformity.json", head | found)
        return
    results: dict[str, Any] = {}
    for setting in (PAPER, QUICK):
        measured = measure_pricing(setting, arguments.seed) | measure_feedback(setting, arguments.seed)
        measured |= measure_drawing(setting, arguments.seed)
        results[setting.name] = {name: round(value, 3) for name, value in measured.items()}
    results["conversion"] = {k: round(v, 2) for k, v in measure_conversion(PAPER, arguments.seed).items()}
    write("costs.json", head | results)


if __name__ == "__main__":
    main()
