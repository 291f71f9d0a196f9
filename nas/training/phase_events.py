"""What training reports: every epoch as it ends, and the outcome for the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from nas.documents.json_records import RecordError
from nas.events import Event
from nas.training.jobs import TrainedPhase
from nas.training.results import EpochResult


@dataclass(frozen=True, slots=True)
class EpochFinished(Event):
    """An epoch of a phase has ended."""

    kind: ClassVar[str] = "epoch_finished"
    transient: ClassVar[bool] = True
    phase: str
    candidate: str
    result: EpochResult


@dataclass(frozen=True, slots=True)
class PhaseFinished(Event):
    """The outcome of a phase, from which it can be replayed. Its JSON form: the outcome's, with the candidate."""

    kind: ClassVar[str] = "phase_finished"
    candidate: str
    outcome: TrainedPhase

    def to_dict(self) -> dict[str, Any]:
        """The `data` of its line."""
        return {"candidate": self.candidate} | self.outcome.to_dict()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The event of a line's `data`; raises RecordError for anything else."""
        if not isinstance(data.get("candidate"), str):
            raise RecordError("candidate", "must be text")
        outcome = {name: value for name, value in data.items() if name != "candidate"}
        return cls(data["candidate"], TrainedPhase.from_dict(outcome))
