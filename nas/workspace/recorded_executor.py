"""What the expensive work of a run brought, given again from its trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nas.errors import CheckError
from nas.export.metrics import DeliveryMetrics
from nas.export.order import Exported, ExportOrder
from nas.training.jobs import JobPhase, TrainedPhase, TrainingJob


class RecordedExecutor:
    """Gives the outcomes that `records`, lines of a trace, hold; raises CheckError for work nobody recorded."""

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._phases: dict[tuple[str, str], TrainedPhase] = {}
        self._deliveries: dict[str, DeliveryMetrics] = {}
        for record in records:
            data = record["data"]
            if record["kind"] == "phase_finished":
                outcome = {name: value for name, value in data.items() if name != "candidate"}
                self._phases[data["candidate"], data["phase"]] = TrainedPhase.from_dict(outcome)
            elif record["kind"] == "delivered":
                self._deliveries[data["candidate"]] = _read_metrics(data)

    def train_together(self, jobs: Sequence[TrainingJob]) -> None:
        """There is nothing to train."""

    def train(self, job: TrainingJob) -> TrainedPhase:
        """The recorded outcome."""
        outcome = self._phases.get((job.candidate_id, job.phase))
        if outcome is None:
            missing = f"the {job.phase}-phase of {job.candidate_id} is missing"
            raise CheckError(f"the trace must hold every training; {missing}")
        return outcome

    def export(self, order: ExportOrder) -> Exported:
        """The recorded metrics; nothing is written. A network that was fine-tuned for int8 was so on the way."""
        metrics = self._deliveries.get(order.candidate_id)
        if metrics is None:
            raise CheckError(f"the trace must hold every delivery; that of {order.candidate_id} is missing")
        return Exported(metrics, self._phases.get((order.candidate_id, "qat")))

    def forget(self, candidate_id: str, phase: JobPhase) -> None:
        """There is nothing to remove."""


def _read_metrics(data: Mapping[str, Any]) -> DeliveryMetrics:
    try:
        return DeliveryMetrics.from_dict(data["metrics"])
    except ValueError as error:
        raise CheckError(
            f"the trace must hold whole metrics; those of {data['candidate']} are damaged: {error}"
        ) from error
