"""What became of a candidate after the search: its later phases and its delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.export.metrics import DeliveryMetrics
from nas.training import TrainedPhase


@dataclass(frozen=True, slots=True)
class CandidateOutcome:
    """The full training, the distillation, the fine-tuning for int8 and the delivery of a candidate.

    None stands for what was not done, or not yet.
    """

    full: TrainedPhase | None = None
    distill: TrainedPhase | None = None
    qat: TrainedPhase | None = None
    metrics: DeliveryMetrics | None = None

    @property
    def phases(self) -> tuple[TrainedPhase, ...]:
        """The phases that took place, failed ones included."""
        return tuple(phase for phase in (self.full, self.distill, self.qat) if phase is not None)

    def with_phase(self, phase: TrainedPhase) -> CandidateOutcome:
        """The outcome with one more phase; raises ValueError for one that is not part of a delivery."""
        match phase.phase:
            case "full":
                return replace(self, full=phase)
            case "distill":
                return replace(self, distill=phase)
            case "qat":
                return replace(self, qat=phase)
            case other:
                raise ValueError(f"there is no phase {other!r} of a delivery")

    @classmethod
    def from_brief(cls, record: Mapping[str, Any]) -> CandidateOutcome:
        """The outcome that a delivery's state holds: phases without curves, metrics without their long parts.

        Raises KeyError, TypeError or ValueError for anything else.
        """
        phases = {
            name: TrainedPhase.from_brief({"phase": name} | record[name])
            for name in ("full", "distill", "qat")
            if name in record
        }
        metrics = DeliveryMetrics.from_brief(record["metrics"]) if "metrics" in record else None
        return cls(**phases, metrics=metrics)


def read_outcomes(state: Mapping[str, Mapping[str, Any]]) -> dict[str, CandidateOutcome]:
    """Candidate -> outcome, from a delivery's state."""
    return {candidate: CandidateOutcome.from_brief(record) for candidate, record in state.items()}
