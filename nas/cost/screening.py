"""Cheap necessary conditions, and the exact price only for what passes them: how searches test many architectures."""

from __future__ import annotations

from collections.abc import Sequence

from nas.cost.budget import Budget
from nas.cost.flash import flash_bytes, tflite_bytes
from nas.cost.legality import is_legal
from nas.cost.price import Price, price
from nas.cost.stage_costs import StageCosts, classifier_costs, stage_costs, stem_costs, sum_tails
from nas.cost.tail import MCU, tail_bytes
from nas.space.architecture import Architecture, Task


def screen_runs(architecture: Architecture, task: Task) -> list[StageCosts] | None:
    """The costs of stem, stages and classifier; None if a stage shrinks its map to one pixel (the schema's rule)."""
    costs, features = stem_costs(task)
    runs = [costs]
    for stage in architecture.stages:
        costs, features = stage_costs(stage, features)
        if features.height * features.width == 1:
            return None
        runs.append(costs)
    runs.append(classifier_costs(task, features))
    return runs


def fits_from_below(runs: Sequence[StageCosts], budget: Budget) -> bool:
    """False only if the exact price must exceed an upper limit: all figures here are exact but the head, a bound."""
    if not budget.macs_soft and sum([run.macs for run in runs]) > budget.macs_max:
        return False
    arena = max([run.live_peak for run in runs]) + tail_bytes(sum_tails(runs), MCU)
    if arena > budget.peak_sram_bytes:
        return False
    return flash_bytes(tflite_bytes(sum([run.file_bytes for run in runs]))) <= budget.flash_bytes


def reaches_macs(runs: Sequence[StageCosts], budget: Budget) -> bool:
    """Whether the MACs reach the lower end of their range."""
    return budget.macs_soft or sum([run.macs for run in runs]) >= budget.macs_min


def may_be_legal(runs: Sequence[StageCosts], budget: Budget) -> bool:
    """False only if the exact price cannot keep the budget."""
    return reaches_macs(runs, budget) and fits_from_below(runs, budget)


def price_if_legal(architecture: Architecture, task: Task, budget: Budget) -> Price | None:
    """The exact price of an architecture that keeps the schema's one-pixel rule and every limit, else None."""
    runs = screen_runs(architecture, task)
    if runs is None or not may_be_legal(runs, budget):
        return None
    exact = price(architecture, task)
    return exact if is_legal(exact, budget) else None
