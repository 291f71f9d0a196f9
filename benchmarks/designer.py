"""Measures designers against each other and against baselines: what a language model brings, and what the mask brings.

    python -m benchmarks.designer [--seeds 5] [--proposals 40] [--whole 12] [--evaluations 12] [--only NAME ...]

Three experiments in one run, on one core, every designer with the same seeds:

- edits: CIFAR-100 at 160x160 under the paper's budget, each search from the same drawn legal network; nothing is
  trained (a stand-in accuracy gives the search a front). Yield = legal and new proposals per proposal.
- whole: the same from nothing, whole designs only.
- trained: digits at 16x16, mini-trained for real: hypervolume at equal evaluations, reference point fixed
  (accuracy 0, the budget's MACs, 100,000 parameters), mean and 95% t interval over seeds.

Designers: smollm2 (masked), smollm2-unmasked (with feedback), mutate, random, and mutate-masked, random-masked: uniform
draws under the same masks, without which the language model's share cannot be told from the mask's.
Prints a table each and writes benchmarks/results/designer.json.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.costs import PAPER
from benchmarks.results import write
from benchmarks.searches import MaskedBaseline, Setting, interval, measure_diversity, run_search, same_everywhere
from graphs.tracing import LiveAnswers
from nas.cost import Budget, sample_feasible
from nas.search.pareto import measure_hypervolume
from nas.search.trial import Trial
from nas.search.trial_index import ENTERED_TRAINING
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

CIFAR = Setting(PAPER.space, PAPER.task, PAPER.budget, "stm32h743")
DIGITS = Setting(
    SearchSpace(num_stages=3),
    Task(16, 16, 1, 10),
    Budget(macs_min=100_000, macs_max=1_000_000, peak_sram_bytes=24_576, flash_bytes=262_144),
    "nrf52840",
)
PARAMS_MAX = 100_000
MINI = {"epochs": 3, "learning_rate": 0.2, "schedule": "cosine", "batch_size": 64}
MAX_PROPOSALS = 400  # in the trained experiment: only about one random design in ten is legal


@dataclass(frozen=True)
class Entry:
    """One designer of the comparison."""

    name: str
    language_model: bool
    masked: bool
    designs_whole: bool = False


ENTRIES = (
    Entry("smollm2", language_model=True, masked=True),
    Entry("smollm2-unmasked", language_model=True, masked=False),
    Entry("mutate", language_model=False, masked=False),
    Entry("random", language_model=False, masked=False, designs_whole=True),
    Entry("mutate-masked", language_model=False, masked=True),
    Entry("random-masked", language_model=False, masked=True, designs_whole=True),
)


def build_designers() -> Callable[[Entry, int], Any]:
    """A function from an entry and a seed to its designer; the language model is loaded once."""
    from agent.chat_models.local.engine import load_engine
    from agent.chat_models.local.local_chat_model import LocalChatModel
    from agent.chat_models.local.smollm2 import fetch_smollm2
    from agent.running.paths import cache_folder
    from graphs.designer import Designer

    engine = load_engine(fetch_smollm2(cache_folder(), print))

    def build(entry: Entry, seed: int) -> Any:
        model = (
            LocalChatModel(engine=engine, model_name="smollm2")
            if entry.language_model
            else MaskedBaseline(seed=seed, model_name=entry.name)
        )
        return Designer(LiveAnswers(model), designs_whole=entry.designs_whole, takes_masks=entry.masked)

    return build


def compare_priced(
    build: Callable[[Entry, int], Any], entry: Entry, seeds: range, proposals: int, folder: Path, *, whole: bool
) -> dict[str, Any]:
    """Yield, effort, duplicates and diversity of searches without training, over seeds."""
    from graphs.design.settings import DesignSettings

    rows: list[dict[str, float]] = []
    total: Counter[str] = Counter()
    seconds = 0.0
    for seed in seeds:
        start = None if whole else sample_feasible(CIFAR.space, CIFAR.task, CIFAR.budget, random.Random(seed))
        first = 0 if whole else 1
        settings = DesignSettings(
            max_proposals=proposals + first, max_trials=proposals + first, drive="guided", whole_every=0
        )
        designer = build(replace(entry, designs_whole=True) if whole else entry, seed)
        workspace, recorder = run_search(
            folder, CIFAR, designer, settings, seed, training=same_everywhere(MINI), trained=False, start=start
        )
        made = [trial for trial in workspace.trials if trial.number > first]
        accepted = [trial for trial in made if trial.state == "trained"]
        rows.append(
            {
                "yield": len(accepted) / len(made),
                "duplicates": sum(trial.state == "duplicate" for trial in made) / len(made),
                **measure_diversity(accepted, CIFAR),
            }
        )
        total.update(accepted=len(accepted), made=len(made), model_calls=recorder.model_calls)
        seconds += recorder.propose_seconds
    found: dict[str, Any] = {name: interval([row[name] for row in rows]) for name in rows[0]}
    found["s_per_proposal"] = round(seconds / total["made"], 3)
    for name, value in (("s_per_accepted", seconds), ("model_calls_per_accepted", total["model_calls"])):
        found[name] = round(value / total["accepted"], 3) if total["accepted"] else "-"
    return found | {"accepted": f"{total['accepted']} of {total['made']}"}


def compare_trained(
    build: Callable[[Entry, int], Any], entry: Entry, seeds: range, evaluations: int, folder: Path
) -> dict[str, Any]:
    """Hypervolume after equal numbers of real mini-trainings, over seeds."""
    from graphs.design.settings import DesignSettings

    settings = DesignSettings(max_proposals=MAX_PROPOSALS, max_trials=evaluations, drive="guided", num_whole=2)
    volumes: list[float] = []
    half: list[float] = []
    best: list[float] = []
    proposals: list[float] = []
    seconds: list[float] = []
    for seed in seeds:
        workspace, recorder = run_search(
            folder, DIGITS, build(entry, seed), settings, seed, training=same_everywhere(MINI), trained=True
        )
        done = [trial for trial in workspace.trials if trial.state in ENTERED_TRAINING]
        volumes.append(volume(done))
        half.append(volume(done[: evaluations // 2]))
        best.append(max((trial.validation_accuracy or 0.0 for trial in done), default=0.0))
        proposals.append(len(workspace.trials))
        seconds.append(recorder.propose_seconds)
    return {
        "evaluations": evaluations,
        "hypervolume": interval(volumes),
        "hypervolume_at_half": interval(half),
        "best_accuracy": interval(best),
        "proposals": interval(proposals),
        "designer_seconds": interval(seconds),
    }


def volume(trials: list[Trial]) -> float:
    from nas.search.pareto import find_front

    return measure_hypervolume(find_front(trials), macs_max=DIGITS.budget.macs_max, params_max=PARAMS_MAX)


def print_table(title: str, rows: dict[str, dict[str, Any]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"\n{title}\n{'':18}" + "".join(f"{name:>22}" for name in names))
    for designer, row in rows.items():
        cells = [
            f"{row[n]['mean']:.3f} +- {row[n]['ci95']:.3f}" if isinstance(row[n], dict) else str(row[n]) for n in names
        ]
        print(f"{designer:18}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=40)
    parser.add_argument("--whole", type=int, default=12)
    parser.add_argument("--evaluations", type=int, default=12)
    parser.add_argument("--only", nargs="*", choices=[entry.name for entry in ENTRIES])
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core
    import torch

    torch.set_num_threads(1)
    build, seeds = build_designers(), range(arguments.seeds)
    entries = [entry for entry in ENTRIES if not arguments.only or entry.name in arguments.only]
    found: dict[str, dict[str, Any]] = {"edits": {}, "whole": {}, "trained": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for entry in entries:
            started = time.perf_counter()
            if not entry.designs_whole:
                found["edits"][entry.name] = compare_priced(
                    build, entry, seeds, arguments.proposals, folder, whole=False
                )
            if entry.designs_whole or entry.language_model:
                found["whole"][entry.name] = compare_priced(build, entry, seeds, arguments.whole, folder, whole=True)
            found["trained"][entry.name] = compare_trained(build, entry, seeds, arguments.evaluations, folder)
            print(f"{entry.name}: {time.perf_counter() - started:.0f} s", flush=True)
    for title, rows in found.items():
        print_table(title, rows)
    write("designer.json", {"seeds": arguments.seeds} | found)


if __name__ == "__main__":
    main()
