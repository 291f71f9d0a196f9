"""Successive halving over several objectives: candidates far behind the others end their mini-phase early.

After the epochs called rungs (Jamieson and Talwalkar 2016; asynchronously, as in Li et al. 2020) a candidate is
compared with those settled before its batch: in validation accuracy at this epoch, MACs and parameters, by
non-dominated sorting. A candidate that no other dominates always continues. What is compared is on record, so a run
decides the same way whatever its number of workers and however often it was interrupted.
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
    """An epoch after which candidates are compared, with those that have reached it."""

    epoch: int
    peers: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class HalvingRule:
    """What a candidate with these MACs and parameters is compared with.

    It continues if it is among the best `keep` (a fraction) of its peers and itself, or if there are fewer than
    `min_peers` peers.
    """

    macs: int
    params: int
    rungs: tuple[Rung, ...]
    keep: float
    min_peers: int

    def judge(self, epoch: int, accuracy: float) -> str:
        """Why the candidate stops after this epoch; empty when it continues."""
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
    import moocore  # late: it imports numpy

    return [int(rank) for rank in moocore.pareto_rank(points, maximise=[True, False, False])]


def build_halving_rules(
    candidates: Iterable[Trial], settled: Sequence[Trial], settings: HalvingSettings, *, batch: Sequence[str]
) -> dict[str, HalvingRule]:
    """A rule for every candidate, by id; none while halving is off.

    Its peers are all candidates trained, to the end or not, before the `batch`, whose members never count: they may be
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
    """Where the candidates that reached the epoch stood at it."""
    return tuple(
        (result.validation_accuracy, trial.costs.macs, trial.costs.params)
        for trial in trials
        if trial.costs is not None
        for result in trial.curve
        if result.epoch == epoch
    )
