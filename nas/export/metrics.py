"""The metrics of a delivery: what the delivered network is, its accuracy, its costs and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nas.documents.json_records import JSON_NAME, LEFT_OUT, read_record, write_record
from nas.space.architecture import Task
from nas.statistics import Interval
from nas.training.results import TrainingOrigin

_LONG_LISTS = ("operators", "versions", "files")


@dataclass(frozen=True, slots=True)
class DatasetIdentity:
    """Which images: the data set's name, and the fingerprint of all pixels and labels of all splits."""

    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class InputFormat:
    """What the model reads: normalization per channel of pixels scaled to [0, 1], then int8 as TFLite has it."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """What the model returns: logit = scale * (integer - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class TestIntervals:
    """95% intervals of the two test accuracies."""

    __test__ = False  # not a test, whatever pytest makes of the name

    float_test_accuracy: Interval
    int8_test_accuracy: Interval


@dataclass(frozen=True, slots=True)
class MeasuredArena:
    """The arena TFLM needs on a host, its parts (see `tflm.ArenaMeasurement`), and what measured it where."""

    total_bytes: int
    head_bytes: int
    tail_bytes: int
    planning_bytes: int
    engine: str
    version: str
    host: str


@dataclass(frozen=True, slots=True)
class ValidationAccuracies:
    """Float and int8 on the same validation images, as fractions."""

    float_validation_accuracy: float
    int8_validation_accuracy: float


@dataclass(frozen=True, slots=True)
class FinetuningFigures:
    """A fine-tuning for int8: whole epochs, its own validation accuracy (int8 simulated), and why it failed, or "".

    `after` is what the fine-tuned network then reached; None where it failed.
    """

    epochs: int
    validation_accuracy: float
    failure: str
    after: ValidationAccuracies | None


@dataclass(frozen=True, slots=True)
class QuantizationChoice:
    """Which network was kept for int8 and why: on `num_images` validation images a loss of `threshold` is tolerated.

    `before` is the network as trained; `finetuning` is None where it lost no more.
    """

    num_images: int
    threshold: float
    before: ValidationAccuracies
    finetuning: FinetuningFigures | None
    kept: Literal["as trained", "fine-tuned"]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class of the test split: both accuracies, and how much int8 loses, as fractions."""

    name: str = field(metadata={JSON_NAME: "class"})
    num_images: int
    float_accuracy: float
    int8_accuracy: float
    drop: float


@dataclass(frozen=True, slots=True)
class Provenance:
    """How to reproduce the delivery. `recipes` are the training settings by phase, as written."""

    command: str
    seed: int
    recipes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMetrics:
    """Every figure of a delivery, in the order of metrics.json. Accuracies are fractions, `operators` TFLite's names.

    `required_arena_bytes` is the 32-bit MCU's need, `firmware_arena_bytes` what the firmware reserves,
    `onnx_max_difference` the largest of a logit between onnxruntime and torch. `files` are SHA-256 digests of
    everything else in the folder. `quantization` is None in records from before networks were fine-tuned for int8.
    """

    candidate: str
    board: str
    dataset: DatasetIdentity
    task: Task
    input: InputFormat
    output: OutputFormat
    class_names: tuple[str, ...]
    num_test_images: int
    float_test_accuracy: float
    int8_test_accuracy: float
    agreement: float
    intervals: TestIntervals
    macs: int
    params: int
    tflite_bytes: int
    estimated_tflite_bytes: int
    flash_bytes: int
    flash_limit_bytes: int
    estimated_arena_bytes: int
    required_arena_bytes: int
    peak_sram_limit_bytes: int
    estimated_host_arena_bytes: int
    measured_arena_bytes: int
    measured_arena: MeasuredArena
    firmware_arena_bytes: int
    operators: tuple[str, ...]
    quantization: QuantizationChoice | None = field(default=None, metadata=LEFT_OUT)
    num_calibration_images: int
    num_test_vectors: int
    onnx_max_difference: float
    per_class: tuple[ClassFigures, ...]
    training: TrainingOrigin
    provenance: Provenance
    versions: Mapping[str, str]
    files: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """The content of metrics.json."""
        return write_record(self)

    @classmethod
    def from_dict(cls, data: object) -> DeliveryMetrics:
        """The metrics of a metrics.json; raises RecordError (a ValueError) that names a missing or wrong field."""
        return read_record(cls, data)

    def to_brief(self) -> dict[str, Any]:
        """`to_dict` without the long parts, which stay in metrics.json: operators, versions and files."""
        return {name: value for name, value in self.to_dict().items() if name not in _LONG_LISTS}

    @classmethod
    def from_brief(cls, data: Mapping[str, Any]) -> DeliveryMetrics:
        """The metrics of `to_brief` (or `to_dict`); what was left out is empty."""
        return read_record(cls, {"operators": (), "versions": {}, "files": {}} | dict(data))
