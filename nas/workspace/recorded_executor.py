"""The results of a run's expensive work, returned again from its trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nas.errors import CheckError
from nas.events import Event
from nas.export.delivered import Delivered
from nas.export.export_order import Exported, ExportOrder
from nas.export.metrics import DeliveryMetrics
from nas.training.jobs import JobPhase, TrainedPhase, TrainingJob
from nas.training.phase_events import PhaseFinished


class RecordedExecutor:
    """Returns the outcomes that the `events` of a trace hold; raises CheckError for work that was not recorded."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._phases: dict[tuple[str, str], TrainedPhase] = {}
        self._deliveries: dict[str, DeliveryMetrics] = {}
        for event in events:
            match event:
                case PhaseFinished(candidate, outcome):
                    self._phases[candidate, outcome.phase] = outcome
                case Delivered(candidate, metrics):
                    self._deliveries[candidate] = metrics

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
        """The recorded metrics; nothing is written. Any fine-tuning for int8 comes with them."""
        metrics = self._deliveries.get(order.candidate_id)
        if metrics is None:
            raise CheckError(f"the trace must hold every delivery; that of {order.candidate_id} is missing")
        return Exported(metrics, self._phases.get((order.candidate_id, "qat")))

    def forget(self, candidate_id: str, phase: JobPhase) -> None:
        """There is nothing to remove."""
