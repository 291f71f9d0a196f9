"""The report's figures, read from a run's records: candidates, search statistics and progress."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent.report.published import PublishedSearch
from nas.explanation.facts import END_NAMES
from nas.plain_text import plain
from nas.quantities import CONSTRAINT_NAMES, KIB, format_violation
from nas.records.run_records import RunRecords
from nas.search.pareto import find_trends
from nas.search.trial import Trial
from nas.statistics import wilson_interval

MEGA = 1e6
_NEVER_LEGAL = ("invalid", "duplicate", "rejected")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One proposal: costs in millions and KiB, accuracy and its 95% interval in percent; None where it has none."""

    id: str
    number: int
    state: str
    on_front: bool
    parent: str
    accuracy_percent: float | None
    interval: str
    macs_m: float | None
    params: int | None
    head_kib: float | None
    tail_kib: float | None
    sram_kib: float | None
    flash_kib: float | None
    why: str


def list_candidates(records: RunRecords) -> tuple[Candidate, ...]:
    """Every proposal of the search, in order."""
    return tuple(_read_candidate(records, trial) for trial in records.trials)


def _read_candidate(records: RunRecords, trial: Trial) -> Candidate:
    costs, accuracy = trial.costs, trial.validation_accuracy
    count = records.num_images.get("validation")
    return Candidate(
        id=trial.id,
        number=trial.number,
        state=trial.state,
        on_front=trial.id in records.is_on_front,
        parent=plain(trial.parent or ""),
        accuracy_percent=None if accuracy is None else 100 * accuracy,
        interval=str(wilson_interval(accuracy, count)) if accuracy is not None and count else "",
        macs_m=costs.macs / MEGA if costs else None,
        params=costs.params if costs else None,
        head_kib=costs.head_bytes / KIB if costs else None,
        # what the arena needs beyond the activations: the two parts sum to the whole even where a tiny head needs more
        tail_kib=(costs.arena_bytes - costs.head_bytes) / KIB if costs else None,
        sram_kib=costs.arena_bytes / KIB if costs else None,
        flash_kib=costs.flash_bytes / KIB if costs else None,
        why=plain("; ".join(map(format_violation, trial.violations)) or trial.reason),
    )


@dataclass(frozen=True, slots=True)
class Statistics:
    """A row of Table III: `candidates` are those that were trained. Spreads are minimum, maximum and mean.

    Accuracy in percent, MACs and parameters in millions, all over the front; None while it is empty. `proposals` is
    None where it is not published, `hypervolume` is a share of its reference box.
    """

    name: str
    proposals: int | None
    candidates: int
    on_front: int
    accuracy_percent: tuple[float, float, float] | None
    macs_m: tuple[float, float, float] | None
    params_m: tuple[float, float, float] | None
    hypervolume: float | None


def sum_statistics(name: str, records: RunRecords) -> Statistics:
    """Table III of a run."""
    trends = find_trends(records.front, records.task.stem_channels)
    history = records.front_history()
    return Statistics(
        name=name,
        proposals=len(records.trials),
        candidates=len(records.trained),
        on_front=len(records.front),
        accuracy_percent=_scale(trends.accuracy, 100) if trends else None,
        macs_m=_scale(trends.macs, 1 / MEGA) if trends else None,
        params_m=_scale(trends.params, 1 / MEGA) if trends else None,
        hypervolume=history[-1].hypervolume if history else 0.0,
    )


def _scale(spread: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    low, high, mean = spread
    return low * factor, high * factor, mean * factor


def read_published(search: PublishedSearch) -> Statistics:
    """Table III as published."""
    return Statistics(
        name=search.name,
        proposals=500,
        candidates=search.candidates,
        on_front=search.on_front,
        accuracy_percent=search.accuracy_percent,
        macs_m=search.macs_m,
        params_m=search.params_m,
        hypervolume=None,
    )


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """After a proposal: candidates trained so far, the front's hypervolume and the legal share of all proposals."""

    number: int
    trained: int
    hypervolume: float
    yield_percent: float


def trace_progress(records: RunRecords) -> tuple[ProgressStep, ...]:
    """The search proposal by proposal."""
    volumes = {change.candidate: change.hypervolume for change in records.front_history()}
    steps, legal, trained, volume = [], 0, 0, 0.0
    for count, trial in enumerate(records.trials, start=1):
        legal += trial.state not in _NEVER_LEGAL
        trained += trial.state == "trained"
        volume = volumes.get(trial.id, volume)
        steps.append(ProgressStep(trial.number, trained, volume, 100 * legal / count))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Ending:
    """How many proposals ended this way, or broke this limit."""

    name: str
    count: int


def count_endings(trials: Sequence[Trial]) -> tuple[Ending, ...]:
    """How the proposals ended, most frequent first; they sum to all proposals."""
    counts = Counter(trial.state for trial in trials)
    return tuple(Ending(END_NAMES[state], count) for state, count in counts.most_common())


def count_causes(trials: Sequence[Trial]) -> tuple[Ending, ...]:
    """Why proposals were turned away, most frequent first; one that breaks two limits counts under both."""
    causes: Counter[str] = Counter()
    for trial in trials:
        if trial.state in ("invalid", "duplicate"):
            causes["outside the search space" if trial.state == "invalid" else "duplicate"] += 1
        if trial.state == "rejected":
            causes.update(f"limit of {CONSTRAINT_NAMES[violation.constraint]}" for violation in trial.violations)
    return tuple(Ending(name, count) for name, count in causes.most_common())
