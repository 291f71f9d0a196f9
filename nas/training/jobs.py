"""A training job: what to train in which phase, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from nas.documents.json_records import read_record
from nas.space.architecture import Architecture
from nas.training.results import EpochResult

if TYPE_CHECKING:
    from nas.network.network import Network

JobPhase = Literal["mini", "full", "distill"]


@runtime_checkable  # test runs check the types of arguments
class StopRule(Protocol):
    """Ends a phase early; a plain value, because it is sent to worker processes."""

    def judge(self, epoch: int, accuracy: float) -> str:
        """Why training stops after this epoch with this validation accuracy (fraction); empty when it continues."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """One phase of one candidate: `mini` and `full` start from scratch, `distill` from the fully trained network."""

    candidate_id: str
    architecture: Architecture
    phase: JobPhase
    stop_rule: StopRule | None = None


@dataclass(frozen=True, slots=True)
class TrainedPhase:
    """Outcome of a phase: validation accuracy (fraction) of the final weights, its curve and wall seconds.

    `phase` is that of the job, or "qat" for fine-tuning under int8's rounding. `failure` says why there are no usable
    weights (the accuracy is then 0), or is empty; `note` says where training departed from the recipe; `stopped` says
    why the phase ended early without failing.
    """

    phase: str
    validation_accuracy: float
    curve: tuple[EpochResult, ...]
    seconds: float
    failure: str = ""
    teacher_accuracy: float | None = None
    note: str = ""
    stopped: str = ""

    @classmethod
    def failed(cls, phase: str, reason: str) -> TrainedPhase:
        """The outcome of a phase that left no usable weights."""
        return cls(phase, 0.0, (), 0.0, reason)

    def to_dict(self) -> dict[str, Any]:
        """A record of plain values; `stopped` is left out where it is empty."""
        data = asdict(self) | {"curve": [asdict(epoch) for epoch in self.curve]}
        return {name: value for name, value in data.items() if name != "stopped" or value}

    def to_brief(self) -> dict[str, Any]:
        """`to_dict` without the curve, which is on disk."""
        return {name: value for name, value in self.to_dict().items() if name != "curve"}

    @classmethod
    def from_brief(cls, record: Mapping[str, Any]) -> TrainedPhase:
        """The outcome that `to_brief` or `to_dict` wrote; a missing curve is read as empty."""
        return cls.from_dict({"curve": ()} | dict(record))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TrainedPhase:
        """The outcome `to_dict` made a record of; raises RecordError for anything else."""
        return read_record(cls, record, knows_all=True)


@dataclass(frozen=True, slots=True, eq=False)
class Finetuned:
    """A network trained further under int8's rounding, and the outcome of that phase; unusable if that failed.

    The outcome's accuracy is that on the whole validation split, the rounding simulated in torch.
    """

    network: Network
    outcome: TrainedPhase
