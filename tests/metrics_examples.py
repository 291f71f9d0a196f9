"""Made-up metrics of a delivery, for runs and events that deliver nothing real."""

from __future__ import annotations

from nas.export.export_order import ExportOrder
from nas.export.metrics import (
    DatasetIdentity,
    DeliveryMetrics,
    InputFormat,
    MeasuredArena,
    OutputFormat,
    Provenance,
    QuantizationChoice,
    TestIntervals,
    ValidationAccuracies,
)
from nas.space.architecture import Task
from nas.statistics import wilson_interval
from nas.training.results import TrainingOrigin

CLASS_NAMES = tuple(str(digit) for digit in range(10))


def make_metrics(order: ExportOrder) -> DeliveryMetrics:
    """Made-up figures of a delivery; its costs are the estimators' own."""
    estimated, limits = order.estimated, order.limits
    arena, head = estimated.host_arena_bytes, estimated.head_bytes
    return DeliveryMetrics(
        candidate=order.candidate_id,
        board=limits.board_name,
        dataset=DatasetIdentity("digits", "0123456789abcdef"),
        task=Task(32, 32, 1, 10),
        input=InputFormat((0.3,), (0.4,), 0.01, -50),
        output=OutputFormat(0.06, -22),
        class_names=CLASS_NAMES,
        num_test_images=359,
        float_test_accuracy=0.9861,
        int8_test_accuracy=0.9833,
        agreement=0.9944,
        intervals=TestIntervals(wilson_interval(0.9861, 359), wilson_interval(0.9833, 359)),
        macs=estimated.macs,
        params=estimated.params,
        tflite_bytes=estimated.tflite_bytes + 40,
        estimated_tflite_bytes=estimated.tflite_bytes,
        flash_bytes=estimated.flash_bytes + 40,
        flash_limit_bytes=limits.flash_bytes,
        estimated_arena_bytes=estimated.arena_bytes,
        required_arena_bytes=estimated.arena_bytes,
        peak_sram_limit_bytes=limits.peak_sram_bytes,
        estimated_host_arena_bytes=arena,
        measured_arena_bytes=arena,
        measured_arena=MeasuredArena(arena, head, arena - head, 0, "tflm", "0", "made up"),
        firmware_arena_bytes=arena + 2048,
        operators=("CONV_2D", "MEAN", "FULLY_CONNECTED"),
        quantization=QuantizationChoice(288, 0.01, ValidationAccuracies(0.99, 0.985), None, "as trained"),
        num_calibration_images=256,
        num_test_vectors=8,
        onnx_max_difference=2.5e-06,
        per_class=(),
        training=TrainingOrigin("full", {"full": 0.99}),
        provenance=Provenance("", 0, {}),
        versions={"torch": "0"},
        files={},
    )
