"""The delivery of a trained candidate: converted, run in TFLM on the whole test split, checked, written as a folder."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.architecture import Architecture, Task
from nas.cost.flash import flash_bytes
from nas.datasets.images import Dataset, Images, draw_stratified
from nas.errors import CheckError
from nas.events import Event, EventSink
from nas.export.firmware import FirmwareModel, arena_with_margin, describe_host, render_firmware
from nas.export.folder import METRICS_FILE, check_replaceable, write_folder
from nas.export.onnx_network import export_onnx, run_onnx
from nas.export.tflite import convert_int8, list_operators, read_quantization
from nas.export.tflm import ArenaMeasurement, measure_arena, predict
from nas.workshop import DeliveryLimits, DeliveryOrder

if TYPE_CHECKING:
    from nas.network import Network

NUM_CALIBRATION_IMAGES = 256
CALIBRATION_SEED = 0
NUM_ONNX_IMAGES = 16
ONNX_TOLERANCE = 1e-4  # of the largest logit: float32 sums in another order
CHUNK_IMAGES = 256  # images that lie in memory as float at a time
PACKAGES = ("torch", "tensorflow", "keras", "tflite-micro", "onnx", "onnxscript", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered candidate: its folder and the content of its metrics.json."""

    folder: Path
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Scores:
    """Top-1 on the test split, as fractions: torch, TFLM, and the share of images on which both say the same."""

    float_accuracy: float
    int8_accuracy: float
    agreement: float


@dataclass(frozen=True, slots=True)
class _Exports:
    """The converted models and what was measured on them. `arena_bytes` is the need of the 32-bit MCU."""

    tflite: bytes
    onnx: bytes
    measured: ArenaMeasurement
    arena_bytes: int
    scores: _Scores
    num_calibration_images: int
    onnx_max_difference: float


_Tell = Callable[..., None]


def deliver(
    network: Network,
    order: DeliveryOrder,
    task: Task,
    dataset: Dataset,
    *,
    training: Mapping[str, Any],
    events: EventSink,
) -> Delivery:
    """Write the delivery folder of a trained network and return its metrics; the same arguments give the same bytes.

    `training` says where the weights come from. This is where the test split is read, once, all of it. Raises
    CheckError, with figures, for a model that does not fit the order's limits or an ONNX file that computes something
    else; SettingError for a folder that must not be replaced or cannot be written.
    """
    check_replaceable(order.folder)
    candidate_id, limits, estimated = order.candidate_id, order.limits, order.estimated

    def tell(step: str, done: int = 0, total: int = 0) -> None:
        data = {"phase": "export", "candidate": candidate_id, "step": step, "done": done, "total": total}
        events(Event("progress", data, transient=True))

    exports = _export(network, order.architecture, task, dataset, limits, estimated, tell)
    tell("writing the folder")
    firmware = _firmware(candidate_id, exports, task, dataset, limits)
    files = {
        "model.tflite": exports.tflite,
        "model.onnx": exports.onnx,
        "weights.safetensors": _weights(network),
        "architecture.json": _json(order.architecture.to_dict()),
        **{f"firmware/{name}": text.encode("ascii") for name, text in render_firmware(firmware).items()},
        "EXPLANATION.md": order.explanation.encode(),
    }
    metrics = {"candidate": candidate_id, "board": limits.board_name} | _figures(exports, dataset, limits, estimated)
    metrics["firmware_arena_bytes"] = firmware.arena_bytes
    metrics["training"] = dict(training)
    metrics["versions"] = {package: version(package) for package in PACKAGES}
    metrics["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    write_folder(order.folder, files | {METRICS_FILE: _json(metrics)})
    return Delivery(order.folder, metrics)


def _export(
    network: Network,
    architecture: Architecture,
    task: Task,
    dataset: Dataset,
    limits: DeliveryLimits,
    estimated: Mapping[str, Any],
    tell: _Tell,
) -> _Exports:
    """Convert, check the fit before anything slow, then run every test image."""
    tell("converting to int8")
    calibration = _calibration_images(dataset, task)
    model = convert_int8(network, architecture, task, calibration)
    tell("measuring the arena")
    measured = measure_arena(model)
    arena_bytes = _require_fit(model, measured, estimated, limits)
    scores = _score(network, model, measured, dataset, task, tell)
    tell("exporting to ONNX")
    onnx = export_onnx(network, task)
    difference = _compare_onnx(onnx, network, calibration[:NUM_ONNX_IMAGES])
    return _Exports(model, onnx, measured, arena_bytes, scores, len(calibration), difference)


def _figures(
    exports: _Exports, dataset: Dataset, limits: DeliveryLimits, estimated: Mapping[str, Any]
) -> dict[str, Any]:
    """What the delivered network is worth and costs, estimated beside measured; accuracies are fractions."""
    return {
        "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "num_test_images": len(dataset.test),
        "float_test_accuracy": exports.scores.float_accuracy,
        "int8_test_accuracy": exports.scores.int8_accuracy,
        "agreement": exports.scores.agreement,
        "macs": estimated["macs"],
        "params": estimated["params"],
        "tflite_bytes": len(exports.tflite),
        "estimated_tflite_bytes": estimated["tflite_bytes"],
        "flash_bytes": flash_bytes(len(exports.tflite)),
        "flash_limit_bytes": limits.flash_bytes,
        "estimated_arena_bytes": estimated["peak_sram"]["arena_bytes"],
        "required_arena_bytes": exports.arena_bytes,
        "peak_sram_limit_bytes": limits.peak_sram_bytes,
        "estimated_host_arena_bytes": estimated["peak_sram"]["host_arena_bytes"],
        "measured_arena_bytes": exports.measured.total_bytes,
        "measured_arena": {"total_bytes": exports.measured.total_bytes}
        | asdict(exports.measured)
        | {"host": describe_host()},
        "operators": list(list_operators(exports.tflite)),
        "num_calibration_images": exports.num_calibration_images,
        "onnx_max_difference": exports.onnx_max_difference,
    }


def _calibration_images(dataset: Dataset, task: Task) -> NDArray[np.float32]:
    """Training images, each class with its share, prepared as (N, H, W, C)."""
    count = min(NUM_CALIBRATION_IMAGES, len(dataset.train))
    chosen = dataset.train.take(draw_stratified(dataset.train.labels, count, CALIBRATION_SEED))
    return _prepare(chosen.images, dataset, task)


def _prepare(images: Images, dataset: Dataset, task: Task) -> NDArray[np.float32]:
    """Images as in training, but in TFLite's order: (N, H, W, C) float32."""
    from nas.datasets.preprocess import prepare_images  # late: torch

    prepared = prepare_images(images, task.height, task.width, dataset.mean, dataset.std)  # (N, C, H, W)
    return np.ascontiguousarray(prepared.permute(0, 2, 3, 1).numpy())


def _require_fit(model: bytes, measured: ArenaMeasurement, estimated: Mapping[str, Any], limits: DeliveryLimits) -> int:
    """Arena bytes needed on the 32-bit MCU; raises CheckError when they or the flash exceed the limits.

    That is the estimate, plus what the measurement on this host exceeds its own estimate by.
    """
    arena = estimated["peak_sram"]
    needed: int = arena["arena_bytes"] + max(0, measured.total_bytes - arena["host_arena_bytes"])
    flash = flash_bytes(len(model))
    if needed > limits.peak_sram_bytes:
        raise CheckError(
            f"the arena must fit {limits.peak_sram_bytes:,} bytes on {limits.board_name}; it needs {needed:,} "
            f"(measured on this host: {measured.total_bytes:,}); choose a candidate or board with room"
        )
    if flash > limits.flash_bytes:
        raise CheckError(
            f"model and runtime must fit {limits.flash_bytes:,} bytes of flash on {limits.board_name}; they need "
            f"{flash:,} (model.tflite: {len(model):,}); choose a candidate or board with room"
        )
    return needed


def _score(
    network: Network, model: bytes, measured: ArenaMeasurement, dataset: Dataset, task: Task, tell: _Tell
) -> _Scores:
    """Accuracies on the whole test split: by the float network in torch, and by the int8 model in TFLM."""
    from nas.training.prediction import predict_logits  # late: torch

    tell("running the float network on the test split")
    test = dataset.test
    float_answers = predict_logits(network, test.images, dataset, task).numpy().argmax(axis=1)
    input_quantization, _ = read_quantization(model)
    integers = np.empty((len(test), task.height, task.width, task.channels), np.int8)
    for start in range(0, len(test), CHUNK_IMAGES):  # the whole split as float would be four times as large
        chunk = slice(start, start + CHUNK_IMAGES)
        integers[chunk] = input_quantization.quantize(_prepare(test.images[chunk], dataset, task))

    def on_progress(done: int, total: int) -> None:
        tell("running the test split in TFLM", done, total)

    # in the very arena that was measured: proof that it is enough
    logits = predict(model, integers, arena_bytes=measured.total_bytes, on_progress=on_progress)
    int8_answers = logits.argmax(axis=1)
    return _Scores(
        float_accuracy=float(np.mean(float_answers == test.labels)),
        int8_accuracy=float(np.mean(int8_answers == test.labels)),
        agreement=float(np.mean(float_answers == int8_answers)),
    )


def _compare_onnx(onnx_model: bytes, network: Network, images: NDArray[np.float32]) -> float:
    """Largest difference of a logit between onnxruntime and torch on real images; CheckError when it is no rounding."""
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


def _firmware(
    candidate_id: str, exports: _Exports, task: Task, dataset: Dataset, limits: DeliveryLimits
) -> FirmwareModel:
    input_quantization, output_quantization = read_quantization(exports.tflite)
    return FirmwareModel(
        name=candidate_id,
        model=exports.tflite,
        task=task,
        input_quantization=input_quantization,
        output_quantization=output_quantization,
        class_names=dataset.class_names,
        mean=dataset.mean,
        std=dataset.std,
        measured=exports.measured,
        arena_bytes=arena_with_margin(exports.measured.total_bytes, limits.ram_bytes),
    )


def _weights(network: Network) -> bytes:
    from safetensors.torch import save  # late: torch

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return bytes(save(tensors))


def _json(data: Any) -> bytes:
    return (json.dumps(data, indent=1, allow_nan=False) + "\n").encode()
