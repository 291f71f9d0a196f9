"""The Pareto front over (accuracy up, MACs down, parameters down), its trends and its hypervolume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nas.search.trial import Trial
from nas.space.search_space import STAGE_FIELDS, format_choice

_MAXIMISE = [True, False, False]


def find_front(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Every trained trial that no other dominates, best accuracy first; equal objective vectors all stay.

    A dominates B when A is no worse in accuracy, MACs and parameters and strictly better in one (paper, section 3).
    """
    trained = [trial for trial in trials if trial.state == "trained"]
    if not trained:
        return ()
    import moocore  # late: it imports numpy, which the command line's help does not need

    keep = moocore.is_nondominated([_objectives(trial) for trial in trained], maximise=_MAXIMISE, keep_weakly=True)
    front = [trial for trial, on_front in zip(trained, keep, strict=True) if on_front]
    return tuple(sorted(front, key=lambda trial: (-_objectives(trial)[0], _objectives(trial)[1], trial.number)))


def find_most_accurate(trials: Sequence[Trial]) -> Trial | None:
    """The trained trial with the best validation accuracy, the earliest on a tie."""
    trained = [trial for trial in trials if trial.state == "trained"]
    return max(trained, key=lambda trial: (_objectives(trial)[0], -trial.number), default=None)


def measure_hypervolume(front: Sequence[Trial], *, macs_max: int, params_max: int) -> float:
    """Share in [0, 1] of the box accuracy [0, 1] x MACs [0, macs_max] x params [0, params_max] the front dominates."""
    if not front:
        return 0.0
    import moocore

    points = [(accuracy, macs / macs_max, params / params_max) for accuracy, macs, params in map(_objectives, front)]
    inside = [point for point in points if point[1] < 1 and point[2] < 1]
    if not inside:
        return 0.0
    return float(moocore.hypervolume(inside, ref=[0.0, 1.0, 1.0], maximise=_MAXIMISE))


def _objectives(trial: Trial) -> tuple[float, int, int]:
    if trial.validation_accuracy is None or trial.costs is None:
        raise ValueError(f"trial {trial.id} is {trial.state} but has no accuracy or no costs")
    return trial.validation_accuracy, trial.costs.macs, trial.costs.params


@dataclass(frozen=True, slots=True)
class FrontMember:
    """A trained trial in figures: validation accuracy (fraction), MACs, parameters and the arena it needs (bytes)."""

    id: str
    validation_accuracy: float
    macs: int
    params: int
    peak_sram_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as in traces and `front --json`."""
        return asdict(self)


def summarize_member(trial: Trial) -> FrontMember:
    """The figures of a trained trial."""
    accuracy, macs, params = _objectives(trial)
    return FrontMember(trial.id, accuracy, macs, params, trial.priced.arena_bytes)


@dataclass(frozen=True, slots=True)
class Trends:
    """What the front has in common: means and ranges of the objectives, and how often each field value occurs."""

    accuracy: tuple[float, float, float]  # minimum, maximum, mean
    macs: tuple[int, int, int]
    params: tuple[int, int, int]
    # field -> (value, number of stages that use it), most used first
    field_values: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


def find_trends(front: Sequence[Trial], stem_channels: int) -> Trends | None:
    """Trends over the front, or None while it is empty; values without effect (see `canonical`) are not counted."""
    if not front:
        return None
    accuracies = [_objectives(trial)[0] for trial in front]
    forms = [trial.architecture.canonical(stem_channels) for trial in front if trial.architecture]
    stages = [stage for form in forms for stage in form.stages]
    values = []
    for field in STAGE_FIELDS:
        counts = Counter(format_choice(getattr(stage, field)) for stage in stages if getattr(stage, field) is not None)
        values.append((field, tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))))
    return Trends(
        accuracy=(min(accuracies), max(accuracies), sum(accuracies) / len(front)),
        macs=_spread([_objectives(trial)[1] for trial in front]),
        params=_spread([_objectives(trial)[2] for trial in front]),
        field_values=tuple(values),
    )


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    return min(values), max(values), round(sum(values) / len(values))
