"""The contests of a batch: what its candidates are compared with at each rung of successive halving."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas.halving import Contest, Point, Rung
from nas.training import HalvingSettings
from nas.trial import Trial


def set_contests(
    candidates: Iterable[Trial], settled: Sequence[Trial], settings: HalvingSettings, *, batch: Sequence[str]
) -> dict[str, Contest]:
    """A contest for every candidate, by id; none while halving is off.

    Its peers are all that were trained, to the end or not, before the `batch`, whose members never count: they may be
    settled in any order, or some of them before an interruption.
    """
    if not settings.rungs:
        return {}
    before = [trial for trial in settled if trial.state in ("trained", "stopped") and trial.id not in batch]
    rungs = tuple(Rung(epoch, _find_peers(before, epoch)) for epoch in settings.rungs)
    return {
        trial.id: Contest(trial.costs["macs"], trial.costs["params"], rungs, settings.keep, settings.min_peers)
        for trial in candidates
        if trial.costs is not None
    }


def _find_peers(trials: Sequence[Trial], epoch: int) -> tuple[Point, ...]:
    """How those that reached the epoch stood there."""
    return tuple(
        (float(result["validation_accuracy"]), trial.costs["macs"], trial.costs["params"])
        for trial in trials
        if trial.costs is not None
        for result in trial.curve
        if result["epoch"] == epoch
    )
