"""What the expensive work of a run brought, given again from its trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nas.architecture import Architecture
from nas.errors import CheckError
from nas.events import EventSink
from nas.halving import Contest
from nas.workshop import Candidate, DeliveryOrder, TrainedPhase, delivery_event, phase_event


class RecordedWorkshop:
    """Gives the outcomes that `records`, lines of a trace, hold; raises CheckError for work nobody recorded."""

    def __init__(self, records: Iterable[Mapping[str, Any]], events: EventSink) -> None:
        self._events = events
        self._phases: dict[tuple[str, str], TrainedPhase] = {}
        self._deliveries: dict[str, dict[str, Any]] = {}
        for record in records:
            data = record["data"]
            if record["kind"] == "phase_finished":
                outcome = {name: value for name, value in data.items() if name != "candidate"}
                self._phases[data["candidate"], data["phase"]] = TrainedPhase.from_dict(outcome)
            elif record["kind"] == "delivered":
                self._deliveries[data["candidate"]] = data["metrics"]

    def train_ahead(self, candidates: Sequence[Candidate]) -> None:
        """There is nothing to train."""

    def mini(
        self,
        candidate_id: str,
        architecture: Architecture,  # noqa: ARG002  # the protocol's
        contest: Contest | None = None,  # noqa: ARG002
    ) -> TrainedPhase:
        """The recorded mini-phase."""
        return self._find(candidate_id, "mini")

    def full(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:  # noqa: ARG002
        """The recorded full training."""
        return self._find(candidate_id, "full")

    def distill(self, candidate_id: str, architecture: Architecture) -> TrainedPhase:  # noqa: ARG002
        """The recorded distillation."""
        return self._find(candidate_id, "distill")

    def deliver(self, order: DeliveryOrder) -> dict[str, Any]:
        """The recorded metrics; nothing is written. A network that was fine-tuned for int8 was so on the way."""
        metrics = self._deliveries.get(order.candidate_id)
        if metrics is None:
            raise CheckError(f"the trace must hold every delivery; that of {order.candidate_id} is missing")
        finetuned = self._phases.get((order.candidate_id, "qat"))
        if finetuned is not None:
            self._events(phase_event(order.candidate_id, finetuned))
        self._events(delivery_event(order.candidate_id, metrics))
        return metrics

    def forget(self, candidate_id: str, phase: str) -> None:
        """There is nothing to remove."""

    def _find(self, candidate_id: str, phase: str) -> TrainedPhase:
        outcome = self._phases.get((candidate_id, phase))
        if outcome is None:
            raise CheckError(f"the trace must hold every training; the {phase}-phase of {candidate_id} is missing")
        self._events(phase_event(candidate_id, outcome))
        return outcome
