"""Phases whose parts fail: what is recorded, delivered and reported."""

from __future__ import annotations

from pathlib import Path

from search_examples import TASK, make_stages

from agent.transcript.narrator import Narrator
from agent.transcript.tables import build_delivery_table
from nas.datasets import load_dataset
from nas.events import Event
from nas.quantities import format_phase
from nas.records.outcomes import CandidateOutcome
from nas.records.run_events import NodeFinished
from nas.space.architecture import Architecture, Stage
from nas.training import TrainedPhase, TrainingJob, TrainingSettings
from nas.training.phases import Phases

ARCHITECTURE = Architecture(tuple(Stage(**({"expansion": None} | stage)) for stage in make_stages({})))


def open_phases(root: Path, training: TrainingSettings, events: list[Event]) -> Phases:
    data = load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=128)
    return Phases(root, TASK, data, training, 0, events.append)


def test_a_teacher_that_diverges_costs_the_distillation_alone(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    wild = tiny_training.teacher.model_copy(update={"optimizer": "sgd", "learning_rate": 1e30, "epochs": 2})
    training = tiny_training.model_copy(update={"teacher": wild})
    events: list[Event] = []
    phases = open_phases(tmp_path / "one", training, events)
    full = phases.train(TrainingJob("c001", ARCHITECTURE, "full"))
    distilled = phases.train(TrainingJob("c001", ARCHITECTURE, "distill"))
    assert "the teacher's training must come to its end; the loss was no longer a number" in distilled.failure
    chosen = phases.best("c001", ARCHITECTURE)
    assert chosen.origin.weights_of_phase == "full"
    assert chosen.origin.validation_accuracy == {"full": full.validation_accuracy}
    assert chosen.origin.teacher_validation_accuracy is None
    again = open_phases(tmp_path / "one", training, [])
    assert (
        again.train(TrainingJob("c001", ARCHITECTURE, "distill")) == distilled
    )  # on record: when resumed, the run does not try again


def test_a_failed_distillation_is_reported_as_such() -> None:
    failed = TrainedPhase.failed("distill", "no teacher")
    full = TrainedPhase("full", 0.75, (), 2.0)
    assert format_phase(failed) == "failed (no teacher)"
    assert format_phase(full) == "75.00%"
    update = {"outcomes": {"c001": {"full": full.to_brief(), "distill": failed.to_brief()}}}
    (line,) = Narrator().tell(NodeFinished("delivery", "distill", update, 1.0))
    assert str(line) == "  distilled c001: failed (no teacher) validation, teacher none (1 s)"
    table = build_delivery_table("c001", CandidateOutcome(full, failed))
    assert list(table.columns[1].cells)[:3] == ["75.00%", "failed (no teacher)", "none"]
