"""What a run was about and how its proposals ended: in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.explanation.facts import END_NAMES
from nas.plain_text import plain
from nas.quantities import (
    CONSTRAINT_NAMES,
    KIB,
    format_accuracy,
    format_kib,
)
from nas.records.run_records import RunRecords

_SHOWN_RANKS = 8


def count_outcomes(records: RunRecords) -> str:
    """The number of proposals with each outcome, their ids, and what the rejected ones broke."""
    lines = [f"{len(records.trials)} proposals were made."]
    for state, count in sorted(records.counts.items(), key=lambda item: -item[1]):
        ids = [trial.id for trial in records.trials if trial.state == state]
        lines.append(f"{count} {END_NAMES[state]}: {_format_ids(ids)}.")
    off = [trial.id for trial in records.trained if trial.id not in records.is_on_front]
    if off:
        lines.append(f"{len(off)} trained and off the front: {_format_ids(off)}.")
    for constraint, name in CONSTRAINT_NAMES.items():
        broke = [trial.id for trial in records.trials if any(v.constraint == constraint for v in trial.violations)]
        if broke:
            lines.append(f"{len(broke)} broke the limit of {name}: {_format_ids(broke)}.")
    return "\n".join(lines)


def _format_ids(ids: Sequence[str]) -> str:
    more = len(ids) - _SHOWN_RANKS * 2
    return ", ".join(ids[: _SHOWN_RANKS * 2]) + (f" and {more} more" if more > 0 else "")


def describe_run(records: RunRecords) -> str:
    """The run's task, limits, designer, seed, extent and duration."""
    started, budget, task = records.started, records.budget, records.task
    images = ", ".join(f"{count:,} {split}" for split, count in records.num_images.items())
    drive = records.drive.drive if records.drive else "not yet examined"
    lines = [
        f"Task: {plain(started.data) if started else '?'} at {task.height}x{task.width}x{task.channels}, "
        f"{task.num_classes} classes; images: {images}.",
        f"Board: {records.board.name} ({records.board.core}, {records.board.sram_bytes / KIB:g} KiB of SRAM in one "
        f"bank, {records.board.flash_bytes / KIB:g} KiB of flash).",
        f"Budget: {budget.macs_min / 1e6:.2f} to {budget.macs_max / 1e6:.2f} M MACs, peak SRAM at most "
        f"{format_kib(budget.peak_sram_bytes)}, flash at most {format_kib(budget.flash_bytes)}.",
        f"Designer: {plain(started.llm) if started else '?'}, {drive}; seed {started.seed if started else '?'}, preset "
        f"{started.preset if started else '?'}; {records.num_answers} answers.",
        f"Extent: at most {started.max_proposals if started else '?'} proposals or "
        f"{started.max_trials if started else '?'} trained candidates; made: {len(records.trials)} proposals, "
        f"{records.counts['trained']} trained.",
    ]
    config: Mapping[str, Any] = started.config if started else {}
    epochs = config.get("training", {}).get("mini", {}).get("epochs")
    goal = config.get("design", {}).get("target_accuracy")
    if goal is not None:
        lines.append(f"Goal told to the designer: at least {format_accuracy(goal)} accuracy at the lowest costs.")
    if epochs:
        lines.append(f"Search space: {records.space.num_stages} stages; the mini-phase is set to {epochs} epochs.")
    if records.winners:
        delivered = ", ".join(records.delivered) or "nothing yet"
        lines.append(f"Selected by validation accuracy: {', '.join(records.winners)}; delivered: {delivered}.")
    if records.finished:
        took = f" after {records.seconds:,.0f} s" if records.seconds is not None else ""
        lines.append(f"The run is finished{took}; hypervolume {records.finished.hypervolume:.4f}.")
    else:
        lines.append("The run is not finished.")
    return "\n".join(lines)
