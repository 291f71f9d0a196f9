"""The metrics of a delivery: read and written without changing a byte, and refused where they are damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.documents.json_records import RecordError
from nas.errors import CheckError
from nas.export.delivery import Delivery
from nas.export.metrics import DeliveryMetrics, FinetuningFigures, QuantizationChoice, ValidationAccuracies
from nas.export.verification import verify_delivery

RECORDED = Path(__file__).parent / "recorded_metrics.json"  # of a run from before metrics had named fields


def read_recorded() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8")))


def write(metrics: DeliveryMetrics) -> str:
    return json.dumps(metrics.to_dict(), indent=1, allow_nan=False) + "\n"


def test_recorded_metrics_are_written_again_byte_for_byte() -> None:
    metrics = DeliveryMetrics.from_dict(read_recorded())
    assert write(metrics) == RECORDED.read_text(encoding="utf-8")
    assert metrics.training.validation_accuracy == {"distill": 1.0, "full": 0.9965277777777778}
    assert metrics.training.teacher_validation_accuracy == 0.9930555555555556
    assert metrics.per_class[3].name == "3"


def test_a_real_delivery_is_read_back_as_it_was_written(delivery: Delivery) -> None:
    text = (delivery.folder / "metrics.json").read_text(encoding="utf-8")
    assert write(delivery.metrics) == text
    assert DeliveryMetrics.from_dict(json.loads(text)) == delivery.metrics


def test_fine_tuned_metrics_say_from_where() -> None:
    recorded = DeliveryMetrics.from_dict(read_recorded())
    figures = FinetuningFigures(8, 0.97, "", after=ValidationAccuracies(0.98, 0.96))
    choice = QuantizationChoice(288, 0.01, ValidationAccuracies(1.0, 0.5), figures, "fine-tuned")
    metrics = replace(recorded, quantization=choice, training=recorded.training.finetuned(0.97))
    assert json.dumps(metrics.to_dict()["quantization"]) == (
        '{"num_images": 288, "threshold": 0.01, "before": {"float_validation_accuracy": 1.0, '
        '"int8_validation_accuracy": 0.5}, "finetuning": {"epochs": 8, "validation_accuracy": 0.97, "failure": "", '
        '"after": {"float_validation_accuracy": 0.98, "int8_validation_accuracy": 0.96}}, "kept": "fine-tuned"}'
    )
    assert json.dumps(metrics.to_dict()["training"]) == (
        '{"weights_of_phase": "qat", "validation_accuracy": {"distill": 1.0, "full": 0.9965277777777778, "qat": 0.97}, '
        '"teacher_validation_accuracy": 0.9930555555555556, "finetuned_from_phase": "distill"}'
    )
    assert DeliveryMetrics.from_dict(json.loads(write(metrics))) == metrics


def test_metrics_from_before_fine_tuning_are_read_and_stay_as_they_were() -> None:
    older = read_recorded()
    del older["quantization"]
    assert DeliveryMetrics.from_dict(older).quantization is None
    assert write(DeliveryMetrics.from_dict(older)) == json.dumps(older, indent=1) + "\n"


def test_brief_metrics_lack_only_what_is_long() -> None:
    metrics = DeliveryMetrics.from_dict(read_recorded())
    brief = metrics.to_brief()
    assert list(brief) == [name for name in read_recorded() if name not in ("operators", "versions", "files")]
    assert DeliveryMetrics.from_brief(brief) == replace(metrics, operators=(), versions={}, files={})
    assert DeliveryMetrics.from_brief(metrics.to_dict()) == metrics


@pytest.mark.parametrize("name", [name for name in read_recorded() if name != "quantization"])
def test_every_missing_figure_is_named(name: str) -> None:
    damaged = read_recorded()
    del damaged[name]
    with pytest.raises(RecordError, match=f"^'{name}' is missing$"):
        DeliveryMetrics.from_dict(damaged)


def damage(data: dict[str, Any], place: str, value: object) -> None:
    """Put `value` at a dotted place."""
    *path, last = place.split(".")
    part: Any = data
    for name in path:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[int(last) if isinstance(part, list) else last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("candidate", 7, "'candidate' must be text; got 7"),
        ("macs", "many", "'macs' must be a whole number; got 'many'"),
        ("params", 1.5, "'params' must be a whole number; got 1.5"),
        ("int8_test_accuracy", None, "'int8_test_accuracy' must be a finite number; got None"),
        ("int8_test_accuracy", True, "'int8_test_accuracy' must be a finite number; got True"),
        ("task", [32, 32], "'task' must be an object; got [32, 32]"),
        ("task.height", "32", "'task.height' must be a whole number; got '32'"),
        ("input.std", 0.4, "'input.std' must be a list; got 0.4"),
        ("input.mean.0", "x", "'input.mean.0' must be a finite number; got 'x'"),
        ("output", {}, "'output.scale' is missing"),
        ("class_names", "ab", "'class_names' must be a list; got 'ab'"),
        ("intervals.int8_test_accuracy", {"low": 0.1}, "'intervals.int8_test_accuracy.high' is missing"),
        ("measured_arena.host", None, "'measured_arena.host' must be text; got None"),
        ("operators.2", 3, "'operators.2' must be text; got 3"),
        ("quantization.kept", "neither", "'quantization.kept' must be 'as trained' or 'fine-tuned'; got 'neither'"),
        ("quantization.finetuning", 1, "'quantization.finetuning' must be an object; got 1"),
        ("per_class.4.class", 4, "'per_class.4.class' must be text; got 4"),
        (
            "training.validation_accuracy.full",
            "good",
            "'training.validation_accuracy.full' must be a finite number; got 'good'",
        ),
        ("provenance.recipes", [], "'provenance.recipes' must be an object; got []"),
        ("files", ["model.tflite"], "'files' must be an object; got ['model.tflite']"),
        ("files", {"model.tflite": None}, "'files.model.tflite' must be text; got None"),
    ],
)  # fmt: skip
def test_damaged_metrics_are_refused_in_one_line_that_names_the_figure(
    place: str, value: object, message: str, tmp_path: Path
) -> None:
    damaged = read_recorded()
    damage(damaged, place, value)
    (tmp_path / "metrics.json").write_text(json.dumps(damaged), encoding="utf-8")
    with pytest.raises(CheckError) as error:
        verify_delivery(tmp_path)
    assert str(error.value) == f"metrics.json must hold a delivery's figures; {message}; export again"
