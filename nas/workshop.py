"""The expensive work of a run behind one protocol: done on this machine, or taken from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from nas.architecture import Architecture
from nas.events import Event
from nas.halving import Contest

Candidate = tuple[str, Architecture, Contest | None]  # to be trained: its id, and what it must hold its own against


@dataclass(frozen=True, slots=True)
class TrainedPhase:
    """Outcome of a phase: validation accuracy (fraction) of the final weights, its curve and wall seconds.

    `failure` says why there are no usable weights (the accuracy is then 0), or is empty; `note` tells what was done
    differently from the recipe; `stopped` says why successive halving ended the phase early.
    """

    phase: str
    validation_accuracy: float
    curve: tuple[dict[str, float], ...]
    seconds: float
    failure: str = ""
    teacher_accuracy: float | None = None
    note: str = ""
    stopped: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A record of plain values; `stopped` only where the phase was, as before there was any."""
        return {name: value for name, value in asdict(self).items() if name != "stopped" or value}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TrainedPhase:
        """The outcome `to_dict` made a record of; raises KeyError, TypeError or ValueError for anything else."""
        return cls(**(dict(record) | {"curve": tuple(record["curve"])}))


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What a delivery must keep: the budget's `flash_bytes` and `peak_sram_bytes`; `ram_bytes` can hold an arena."""

    board_name: str
    ram_bytes: int
    flash_bytes: int
    peak_sram_bytes: int


@dataclass(frozen=True, slots=True)
class DeliveryOrder:
    """What shall be delivered where. `estimated` is the JSON form of the candidate's cost report.

    `explanation` is the text of EXPLANATION.md.
    """

    candidate_id: str
    architecture: Architecture
    limits: DeliveryLimits
    estimated: Mapping[str, Any]
    explanation: str
    folder: Path


class Workshop(Protocol):
    """Trains and delivers candidates. Every method may be repeated: finished work is returned, not done again."""

    def train_ahead(self, candidates: Sequence[Candidate]) -> None:
        """Do the mini-phases of these candidates at once where that is possible; `mini` then has them done."""

    def mini(self, candidate_id: str, architecture: Architecture, contest: Contest | None = None) -> TrainedPhase:
        """The mini-phase, from scratch; a contest may end it early."""

    def full(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """The full training, from scratch."""

    def distill(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:
        """Distillation of the fully trained candidate."""

    def deliver(self, order: DeliveryOrder) -> dict[str, Any]:
        """The metrics of the delivered candidate."""

    def forget(self, candidate_id: str, phase: str) -> None:
        """Remove what a phase left behind once its outcome is on record elsewhere."""


def phase_event(candidate_id: str, outcome: TrainedPhase) -> Event:
    """The record of a finished phase, from which it can be replayed."""
    return Event("phase_finished", {"candidate": candidate_id} | outcome.to_dict())


def delivery_event(candidate_id: str, metrics: Mapping[str, Any]) -> Event:
    """The record of a delivery."""
    return Event("delivered", {"candidate": candidate_id, "metrics": dict(metrics)})
