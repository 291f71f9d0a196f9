"""Measures what successive halving would save and lose: how early epochs of the mini-phase rank candidates.

    python -m benchmarks.halving [--preset quick] [--networks 36] [--work DIR]
    python -m benchmarks.halving --preset cifar-cpu --data cifar100:DIR --networks 24

Trains random legal networks by the preset's whole mini-phase. Then: the rank correlation of the validation accuracy
after each epoch with the final one, and halving replayed over these curves in many random orders, for every single rung
and for some pairs. Training goes on where it was interrupted if --work names a folder. Prints and writes
benchmarks/results/halving-PRESET.json.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from scipy import stats

from agent.config import RunConfig, resolve_config
from agent.running.resources import load_data
from benchmarks.results import write
from nas.cost import price, sample_feasible
from nas.network.network import build_network
from nas.search.pareto import find_front, measure_hypervolume
from nas.search.rungs import build_halving_rules
from nas.search.trial import Trial
from nas.training import EpochResult, HalvingSettings
from nas.training.loop import train

NUM_ORDERS = 200


def train_networks(config: RunConfig, num: int, work: Path) -> list[Trial]:
    """Random legal networks after their whole mini-phase, as trials of a search."""
    data, task, rng = load_data(config), config.resolve_task(), random.Random(0)
    budget, trials = config.resolve_budget(), []
    for number in range(1, num + 1):
        architecture = sample_feasible(config.resolve_space(), task, budget, rng)
        folder = work / f"{number:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        result = train(
            build_network(architecture, task, seed=config.seed),
            data,
            task,
            config.training.mini,
            phase="mini",
            seed=config.seed,
            folder=folder,
            on_epoch=_ignore,
        )
        costs, accuracy = price(architecture, task).costs, result.validation_accuracy
        trials.append(Trial(number, "trained", "random", costs=costs, curve=result.curve, validation_accuracy=accuracy))
        print(f"{number}/{num}: {accuracy:.2%} ({result.seconds:.0f} s)", flush=True)
    return trials


def _ignore(result: EpochResult) -> None:
    """Ignores the event."""


def correlate(trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Spearman's and Kendall's coefficient of every epoch with the last, over the networks."""
    final = [trial.validation_accuracy for trial in trials]
    found = {}
    for place in range(len(trials[0].curve) - 1):
        early = [trial.curve[place].validation_accuracy for trial in trials]
        rho, tau = stats.spearmanr(early, final).statistic, stats.kendalltau(early, final).statistic
        found[f"epoch {place + 1}"] = {"spearman": round(float(rho), 3), "kendall": round(float(tau), 3)}
    return found


def replay(trials: Sequence[Trial], settings: HalvingSettings, config: RunConfig) -> dict[str, float]:
    """Means over random orders: the shares of epochs saved, of the true front stopped, and of the hypervolume kept."""
    front = {trial.id for trial in find_front(trials)}
    limits = {"macs_max": config.budget.macs_max, "params_max": config.budget.flash_bytes}
    best = measure_hypervolume(find_front(trials), **limits)
    saved, lost, kept = [], [], []
    for order in range(NUM_ORDERS):
        settled: list[Trial] = []
        for trial in random.Random(order).sample(list(trials), len(trials)):
            settled.append(_run_one(trial, settled, settings))
        survivors = [trial for trial in settled if trial.state == "trained"]
        saved.append(1 - sum(len(trial.curve) for trial in settled) / sum(len(trial.curve) for trial in trials))
        lost.append(len(front - {trial.id for trial in survivors}) / len(front))
        kept.append(measure_hypervolume(find_front(survivors), **limits) / best)
    names = ("epochs_saved", "front_stopped", "hypervolume_kept", "worst_hypervolume_kept")
    values = (statistics.mean(saved), statistics.mean(lost), statistics.mean(kept), min(kept))
    return {name: round(value, 4) for name, value in zip(names, values, strict=True)}


def _run_one(trial: Trial, settled: Sequence[Trial], settings: HalvingSettings) -> Trial:
    rule = build_halving_rules([trial], settled, settings, batch=[trial.id])[trial.id]
    for place, result in enumerate(trial.curve[:-1], start=1):
        if rule.judge(result.epoch, result.validation_accuracy):
            return Trial(trial.number, "stopped", "random", costs=trial.costs, curve=trial.curve[:place])
    return trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data")
    parser.add_argument("--networks", type=int, default=36)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = resolve_config(arguments.preset, settings=arguments.settings, flags={"data.spec": arguments.data})
    with tempfile.TemporaryDirectory() as temporary:
        trials = train_networks(config, arguments.networks, arguments.work or Path(temporary))
    epochs = config.training.mini.epochs
    rungs: list[tuple[int, ...]] = [(epoch,) for epoch in range(1, epochs)]
    rungs += [(first, 2 * first) for first in range(1, epochs) if 2 * first < epochs]
    results: dict[str, Any] = {
        "preset": arguments.preset,
        "networks": len(trials),
        "epochs": epochs,
        "front": len(find_front(trials)),
        "correlation_with_the_last_epoch": correlate(trials),
        "halving": {
            f"rungs {', '.join(map(str, chosen))}; keep {keep:.0%}": replay(
                trials, HalvingSettings(rungs=chosen, keep=keep), config
            )
            for chosen in rungs
            for keep in (0.5, 0.7)
        },
    }
    write(f"halving-{arguments.preset}.json", results)


if __name__ == "__main__":
    main()
