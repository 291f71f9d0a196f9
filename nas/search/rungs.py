"""Successive halving over several objectives: candidates that others are far ahead of end their mini-phase early.

After the epochs called rungs (Jamieson and Talwalkar 2016; asynchronously, as in Li et al. 2020) a candidate is
compared with those that were settled before its batch: in validation accuracy at this epoch, MACs and parameters, by
non-dominated sorting. Whoever no other dominates always goes on. What is compared lies in the records, so a run
decides alike whatever the number of its workers and however often it was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.quantities import format_accuracy
from nas.search.trial import Trial
from nas.training import HalvingSettings

Point = tuple[float, int, int]  # validation accuracy (fraction), MACs, parameters


@dataclass(frozen=True, slots=True)
class Rung:
    """An epoch after which candidates are compared, with those that have been there."""

    epoch: int
    peers: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class HalvingRule:
    """What a candidate of so many MACs and parameters has to hold its own against.

    It goes on where it belongs to the best `keep` (a share) of its peers and itself, and where peers are fewer than
    `min_peers`.
    """

    macs: int
    params: int
    rungs: tuple[Rung, ...]
    keep: float
    min_peers: int

    def judge(self, epoch: int, accuracy: float) -> str:
        """Why the candidate stops after this epoch; empty when it goes on."""
        rung = next((rung for rung in self.rungs if rung.epoch == epoch), None)
        if rung is None or len(rung.peers) < self.min_peers:
            return ""
        ranks = rank_points([*rung.peers, (accuracy, self.macs, self.params)])
        num_ahead = sum(rank < ranks[-1] for rank in ranks)
        if num_ahead < self.keep * len(ranks):
            return ""
        return (
            f"{format_accuracy(accuracy)} validation accuracy after epoch {epoch}; {num_ahead} of {len(rung.peers)} "
            f"candidates before it were ahead there in accuracy, MACs and parameters together, and the best "
            f"{self.keep:.0%} go on"
        )


def rank_points(points: Sequence[Point]) -> list[int]:
    """The non-dominated rank of each: 0 for those no other dominates, 1 for those only these dominate, and so on."""
    import moocore  # late: it brings numpy

    return [int(rank) for rank in moocore.pareto_rank(points, maximise=[True, False, False])]


def build_halving_rules(
    candidates: Iterable[Trial], settled: Sequence[Trial], settings: HalvingSettings, *, batch: Sequence[str]
) -> dict[str, HalvingRule]:
    """A rule for every candidate, by id; none while halving is off.

    Its peers are all that were trained, to the end or not, before the `batch`, whose members never count: they may be
    settled in any order, or some of them before an interruption.
    """
    if not settings.rungs:
        return {}
    before = [trial for trial in settled if trial.state in ("trained", "stopped") and trial.id not in batch]
    rungs = tuple(Rung(epoch, _find_peers(before, epoch)) for epoch in settings.rungs)
    return {
        trial.id: HalvingRule(trial.costs.macs, trial.costs.params, rungs, settings.keep, settings.min_peers)
        for trial in candidates
        if trial.costs is not None
    }


def _find_peers(trials: Sequence[Trial], epoch: int) -> tuple[Point, ...]:
    """How those that reached the epoch stood there."""
    return tuple(
        (result.validation_accuracy, trial.costs.macs, trial.costs.params)
        for trial in trials
        if trial.costs is not None
        for result in trial.curve
        if result.epoch == epoch
    )
