"""Candidates side by side and in order: in sentences."""

from __future__ import annotations

from typing import Literal

from nas.explanation.effects import find_effect, list_differences
from nas.explanation.facts import END_NAMES
from nas.plain_text import plain
from nas.quantities import (
    format_accuracy,
    format_kib,
    format_kib_change,
    format_macs,
    format_macs_change,
    format_params_change,
    format_points,
)
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.statistics import half_width_of_difference

Objective = Literal["accuracy", "macs", "params", "peak_sram", "flash"]
_COST_NAMES = {"macs": "macs", "params": "params", "peak_sram": "arena_bytes", "flash": "flash_bytes"}
_SHOWN_RANKS = 8


def compare(records: RunRecords, first_id: str, second_id: str) -> str:
    """Two candidates side by side: figures, differences and their certainty, dominance, and which fields differ."""
    first, second = records.find(first_id), records.find(second_id)
    lines = [describe_figures(first), describe_figures(second)]
    if first.costs and second.costs:
        lines.append(_describe_differences(first, second))
    if first.validation_accuracy is not None and second.validation_accuracy is not None:
        lines += [describe_certainty(records, first, second), _describe_dominance(first, second)]
    if first.architecture and second.architecture:
        edits = list_differences(first.architecture, second.architecture)
        if not edits:
            lines.append("Their stages are described alike.")
        else:
            effect = find_effect(records, first_id, edits)
            lines.append(f"From {first_id} to {second_id}: {effect.describe_edits()}.")
    return "\n".join(lines)


def describe_figures(trial: Trial) -> str:
    """A candidate's accuracy and costs on one line."""
    costs = trial.costs
    if not costs:
        return f"{trial.id} is {END_NAMES[trial.state]}: {plain(trial.reason)}"
    accuracy = (
        f"{format_accuracy(trial.validation_accuracy)} validation accuracy"
        if trial.validation_accuracy is not None
        else f"no accuracy ({END_NAMES[trial.state]})"
    )
    return (
        f"{trial.id}: {accuracy}, {format_macs(costs.macs)}, {costs.params:,} parameters, "
        f"{format_kib(costs.arena_bytes)} of peak SRAM, {format_kib(costs.flash_bytes)} of flash."
    )


def _describe_differences(first: Trial, second: Trial) -> str:
    own, theirs = first.priced, second.priced
    parts = [
        format_macs_change(own.macs - theirs.macs),
        format_params_change(own.params - theirs.params),
        format_kib_change(own.arena_bytes - theirs.arena_bytes, "peak SRAM"),
        format_kib_change(own.flash_bytes - theirs.flash_bytes, "flash"),
    ]
    if first.validation_accuracy is not None and second.validation_accuracy is not None:
        parts.insert(0, format_points(first.validation_accuracy - second.validation_accuracy))
    return f"{first.id} against {second.id}: {', '.join(parts)}."


def describe_certainty(records: RunRecords, first: Trial, second: Trial, what: str = "a difference") -> str:
    """Whether `what`, the difference of two accuracies, is more than chance explains."""
    count = records.num_images.get("validation")
    if not count:
        return "How many images the accuracies were measured on is not on record."
    one, two = first.validation_accuracy or 0.0, second.validation_accuracy or 0.0
    half = half_width_of_difference(one, two, count)
    sure = abs(one - two) > half
    verdict = "more than chance explains" if sure else "within what chance explains: the records do not settle it"
    return (
        f"On {count:,} validation images {what} of {100 * abs(one - two):.2f} points (+-{100 * half:.2f} at 95%) "
        f"is {verdict}."
    )


def _describe_dominance(first: Trial, second: Trial) -> str:
    def vector(trial: Trial) -> tuple[float, int, int]:
        costs = trial.priced
        return -(trial.validation_accuracy or 0.0), costs.macs, costs.params

    one, two = vector(first), vector(second)
    for better, worse, own, theirs in ((first, second, one, two), (second, first, two, one)):
        if own != theirs and all(mine <= its for mine, its in zip(own, theirs, strict=True)):
            return f"{better.id} dominates {worse.id}: no worse in accuracy, MACs and parameters, better in one."
    return "Neither dominates the other: it is a trade of accuracy against MACs and parameters."


def rank(records: RunRecords, by: Objective, *, lowest: bool) -> str:
    """The trained candidates in the order of one objective, the first one named as the answer."""
    if not records.trained:
        return "No candidate has been trained."
    ordered = sorted(records.trained, key=lambda trial: (_figure(trial, by), trial.number), reverse=not lowest)
    extreme = "lowest" if lowest else "highest"
    names = {"accuracy": "validation accuracy", "macs": "MACs", "params": "parameter count", "flash": "flash"}
    name = names.get(by, "peak SRAM")
    shown = "; ".join(f"{trial.id} {_format_figure(trial, by)}" for trial in ordered[:_SHOWN_RANKS])
    more = len(ordered) - _SHOWN_RANKS
    return (
        f"Of {len(ordered)} trained candidates {ordered[0].id} has the {extreme} {name}: {shown}"
        f"{f'; and {more} more' if more > 0 else ''}.\n{describe_figures(ordered[0])}"
    )


def _figure(trial: Trial, by: Objective) -> float:
    return trial.validation_accuracy or 0.0 if by == "accuracy" else getattr(trial.priced, _COST_NAMES[by])


def _format_figure(trial: Trial, by: Objective) -> str:
    figure = _figure(trial, by)
    if by == "accuracy":
        return format_accuracy(figure)
    if by == "macs":
        return format_macs(figure)
    return f"{figure:,.0f} parameters" if by == "params" else format_kib(figure)
