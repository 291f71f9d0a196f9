"""The delivery of a trained candidate: converted, run in TFLM on the whole test split, checked, written as a folder."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.cost import Price
from nas.cost.flash import flash_bytes
from nas.datasets.images import Dataset, draw_stratified
from nas.errors import CheckError
from nas.events import EventSink, Progress
from nas.export.delivery_folder import METRICS_FILE, check_replaceable, write_folder
from nas.export.export_order import ExportLimits, ExportOrder
from nas.export.firmware import arena_with_margin, describe_host, read_firmware, render_firmware
from nas.export.frames import fit_affine
from nas.export.int8_choice import Converted, Finetuning, choose_int8
from nas.export.metrics import (
    DatasetIdentity,
    DeliveryMetrics,
    InputFormat,
    MeasuredArena,
    OutputFormat,
    Provenance,
    QuantizationChoice,
    TestIntervals,
)
from nas.export.model_card import render_card
from nas.export.onnx_network import export_onnx, run_onnx
from nas.export.operator_support import require_supported
from nas.export.scoring import Answers, answer_split, prepare
from nas.export.tflite import convert_int8, list_operators, read_quantization
from nas.export.tflm import ArenaMeasurement, measure_arena
from nas.export.vectors import TestVectors, choose_vectors
from nas.export.verification import MODEL_FILE, VECTORS_FILE
from nas.space.architecture import Task
from nas.statistics import wilson_interval
from nas.training.results import TrainingOrigin

if TYPE_CHECKING:
    from nas.network.network import Network

NUM_CALIBRATION_IMAGES = 256
CALIBRATION_SEED = 0
NUM_ONNX_IMAGES = 16
ONNX_TOLERANCE = 1e-4  # of the largest logit: float32 sums in a different order
PACKAGES = ("torch", "tensorflow", "keras", "tflite-micro", "onnx", "onnxscript", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered candidate: its folder and the content of its metrics.json."""

    folder: Path
    metrics: DeliveryMetrics


@dataclass(frozen=True, slots=True)
class _Exports:
    """The chosen network, its converted models and what was measured on them. `quantization` records the choice."""

    chosen: Converted
    quantization: QuantizationChoice
    onnx: bytes
    answers: Answers
    vectors: TestVectors
    num_calibration_images: int
    onnx_max_difference: float


_Tell = Callable[..., None]


def export(
    network: Network,
    order: ExportOrder,
    task: Task,
    dataset: Dataset,
    *,
    training: TrainingOrigin,
    provenance: Provenance,
    finetuning: Finetuning,
    events: EventSink,
) -> Delivery:
    """Write the delivery folder of a trained network and return its metrics; the same arguments give the same bytes.

    `training` says where the weights come from, `provenance` how to reproduce them. Where int8 loses too much on
    validation images, `finetuning` may replace the network (`choose_int8`). The whole test split is read here, and only
    once. Raises CheckError, with figures, for a model that does not fit the order's limits, an operator TFLM lacks, or
    an ONNX file that computes something else; SettingError for a folder that must not be replaced or cannot be written.
    """
    check_replaceable(order.folder)

    def tell(step: str, done: int = 0, total: int = 0) -> None:
        events(Progress("export", step, order.candidate_id, done, total))

    exports = _export(network, order, task, dataset, finetuning, tell)
    tell("writing the folder")
    metrics = _gather_metrics(exports, order, task, dataset, _find_origin(training, exports.quantization), provenance)
    firmware = render_firmware(read_firmware(metrics, exports.chosen.model, exports.vectors))
    files = {
        MODEL_FILE: exports.chosen.model,
        "model.onnx": exports.onnx,
        "weights.safetensors": _weights(exports.chosen.network),
        "architecture.json": _json(order.architecture.to_dict()),
        VECTORS_FILE: exports.vectors.to_bytes(),
        **{f"firmware/{name}": text.encode("ascii") for name, text in firmware.items()},
        "EXPLANATION.md": order.explanation.encode(),
        "README.md": render_card(metrics, order.architecture).encode(),
    }
    metrics = replace(metrics, files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
    write_folder(order.folder, files | {METRICS_FILE: _json(metrics.to_dict())})
    return Delivery(order.folder, metrics)


def _export(
    network: Network, order: ExportOrder, task: Task, dataset: Dataset, finetuning: Finetuning, tell: _Tell
) -> _Exports:
    """Convert, check the fit before anything slow, choose on validation images, then run every test image."""
    tell("converting to int8")
    calibration = _calibration_images(dataset, task)

    def convert(one: Network) -> Converted:
        model = convert_int8(one, order.architecture, task, calibration)
        require_supported(list_operators(model))
        tell("measuring the arena")
        measured = measure_arena(model)
        return Converted(one, model, measured, _require_fit(model, measured, order.estimated, order.limits))

    chosen, quantization = choose_int8(convert(network), convert, finetuning, calibration, dataset, task, tell)
    network, model, arena_bytes = chosen.network, chosen.model, chosen.measured.total_bytes
    answers = answer_split(network, model, arena_bytes, dataset.test, dataset, task, tell, name="test")
    tell("choosing test vectors")
    affine = fit_affine(task, dataset.mean, dataset.std, read_quantization(model)[0])
    vectors = choose_vectors(model, dataset.test, answers.int8_logits, task, affine, arena_bytes=arena_bytes)
    tell("exporting to ONNX")
    onnx = export_onnx(network, task)
    difference = _compare_onnx(onnx, network, calibration[:NUM_ONNX_IMAGES])
    return _Exports(chosen, quantization, onnx, answers, vectors, len(calibration), difference)


def _find_origin(training: TrainingOrigin, choice: QuantizationChoice) -> TrainingOrigin:
    """Where the delivered weights come from: the phase "qat" when fine-tuned ones were kept."""
    if choice.kept == "as trained" or choice.finetuning is None:
        return training
    return training.finetuned(choice.finetuning.validation_accuracy)


def _gather_metrics(
    exports: _Exports,
    order: ExportOrder,
    task: Task,
    dataset: Dataset,
    training: TrainingOrigin,
    provenance: Provenance,
) -> DeliveryMetrics:
    """The delivered network's accuracies and costs, estimated and measured; `files` is filled in later."""
    accuracies, model, measured = exports.answers.accuracies(), exports.chosen.model, exports.chosen.measured
    estimated, limits, num_images = order.estimated, order.limits, len(dataset.test)
    input_format, output_format = _find_formats(model, dataset)
    return DeliveryMetrics(
        candidate=order.candidate_id,
        board=limits.board_name,
        dataset=DatasetIdentity(dataset.name, dataset.fingerprint),
        task=task,
        input=input_format,
        output=output_format,
        class_names=tuple(dataset.class_names),
        num_test_images=num_images,
        float_test_accuracy=accuracies.float_accuracy,
        int8_test_accuracy=accuracies.int8_accuracy,
        agreement=accuracies.agreement,
        intervals=TestIntervals(
            wilson_interval(accuracies.float_accuracy, num_images),
            wilson_interval(accuracies.int8_accuracy, num_images),
        ),
        macs=estimated.macs,
        params=estimated.params,
        tflite_bytes=len(model),
        estimated_tflite_bytes=estimated.tflite_bytes,
        flash_bytes=flash_bytes(len(model)),
        flash_limit_bytes=limits.flash_bytes,
        estimated_arena_bytes=estimated.arena_bytes,
        required_arena_bytes=exports.chosen.arena_bytes,
        peak_sram_limit_bytes=limits.peak_sram_bytes,
        estimated_host_arena_bytes=estimated.host_arena_bytes,
        measured_arena_bytes=measured.total_bytes,
        measured_arena=MeasuredArena(measured.total_bytes, **asdict(measured), host=describe_host()),
        firmware_arena_bytes=arena_with_margin(measured.total_bytes, limits.ram_bytes),
        operators=list_operators(model),
        quantization=exports.quantization,
        num_calibration_images=exports.num_calibration_images,
        num_test_vectors=len(exports.vectors.frames),
        onnx_max_difference=exports.onnx_max_difference,
        per_class=exports.answers.per_class(dataset.class_names),
        training=training,
        provenance=provenance,
        versions={package: version(package) for package in PACKAGES},
        files={},
    )


def _find_formats(model: bytes, dataset: Dataset) -> tuple[InputFormat, OutputFormat]:
    """The input and output formats of an int8 model."""
    entry, answer = read_quantization(model)
    mean, std = tuple(dataset.mean), tuple(dataset.std)
    return InputFormat(mean, std, entry.scale, entry.zero_point), OutputFormat(answer.scale, answer.zero_point)


def _calibration_images(dataset: Dataset, task: Task) -> NDArray[np.float32]:
    """Training images, stratified by class, prepared as (N, H, W, C)."""
    count = min(NUM_CALIBRATION_IMAGES, len(dataset.train))
    chosen = dataset.train.take(draw_stratified(dataset.train.labels, count, CALIBRATION_SEED))
    return prepare(chosen.images, dataset, task)


def _require_fit(model: bytes, measured: ArenaMeasurement, estimated: Price, limits: ExportLimits) -> int:
    """Arena bytes needed on the 32-bit MCU; raises CheckError when they or the flash exceed the limits.

    That is the estimate, plus the excess of the measurement on this host over its own estimate.
    """
    needed = estimated.arena_bytes + max(0, measured.total_bytes - estimated.host_arena_bytes)
    flash = flash_bytes(len(model))
    allowed = min(limits.peak_sram_bytes, limits.ram_bytes)
    if needed > allowed:
        raise CheckError(
            f"the arena must fit {allowed:,} bytes on {limits.board_name}; it needs {needed:,} "
            f"(measured on this host: {measured.total_bytes:,}); choose a candidate or board with room"
        )
    if flash > limits.flash_bytes:
        raise CheckError(
            f"model and runtime must fit {limits.flash_bytes:,} bytes of flash on {limits.board_name}; they need "
            f"{flash:,} (model.tflite: {len(model):,}); choose a candidate or board with room"
        )
    return needed


def _compare_onnx(onnx_model: bytes, network: Network, images: NDArray[np.float32]) -> float:
    """Largest logit difference between onnxruntime and torch on real images; CheckError if it exceeds rounding."""
    import torch

    inputs = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)
    reference = copy.deepcopy(network).cpu().eval()
    with torch.inference_mode():
        expected = reference(torch.from_numpy(inputs)).numpy()
    difference = float(np.abs(run_onnx(onnx_model, inputs) - expected).max())
    allowed = ONNX_TOLERANCE * max(1.0, float(np.abs(expected).max()))
    if not difference <= allowed:
        raise CheckError(f"ONNX logits must equal torch's to {allowed:.1e}; they differ by {difference:.1e}; report it")
    return difference


def _weights(network: Network) -> bytes:
    from safetensors.torch import save  # late: torch

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return bytes(save(tensors))


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()
