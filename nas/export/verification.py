"""A delivery folder checked again, from its files alone: nothing altered, everything still true in TFLM."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.errors import CheckError, SettingError
from nas.export.delivery_folder import METRICS_FILE
from nas.export.firmware import FirmwareModel, read_firmware, render_firmware
from nas.export.metrics import DeliveryMetrics
from nas.export.operator_support import require_supported
from nas.export.tflite import list_operators, read_quantization
from nas.export.tflm import measure_arena
from nas.export.vectors import TestVectors, check_vectors

MODEL_FILE, VECTORS_FILE = "model.tflite", "test_vectors.safetensors"


def verify_delivery(folder: Path) -> DeliveryMetrics:
    """The metrics of a delivery whose files, operators, sources, arena and test vectors all agree.

    Raises SettingError for a folder that is not a delivery, CheckError naming the first thing that does not hold.
    """
    found = _load_metrics(folder)
    try:
        metrics = DeliveryMetrics.from_dict(found)
        _check_files(folder, metrics.files)
        model = (folder / MODEL_FILE).read_bytes()
        require_supported(list_operators(model))
        vectors = TestVectors.from_bytes((folder / VECTORS_FILE).read_bytes())
        firmware = read_firmware(metrics, model, vectors)
    except (ValueError, ArithmeticError) as error:
        raise CheckError(f"{METRICS_FILE} must hold a delivery's figures; {error}; export again") from error
    _check_model(firmware)
    _check_arena(firmware)
    check_vectors(model, vectors, firmware.task, firmware.affine, arena_bytes=firmware.measured.total_bytes)
    _check_sources(folder, firmware)
    return metrics


def _load_metrics(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / METRICS_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingError(
            f"verify takes a delivery folder; {folder} has no readable {METRICS_FILE}: {error}"
        ) from error


def _check_files(folder: Path, digests: Mapping[str, str]) -> None:
    """Every file is there and has the digest the metrics state."""
    for name, wanted in digests.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise CheckError(f"{name} must be in the delivery; {error.strerror}; export again") from error
        if found != wanted:
            raise CheckError(f"{name} must have SHA-256 {wanted}; it has {found}: it was altered; export again")


def _check_model(firmware: FirmwareModel) -> None:
    """Operators and quantization are those the metrics state."""
    operators = list_operators(firmware.model)
    if operators != firmware.operators:
        raise CheckError(
            f"{METRICS_FILE} must list the model's {len(operators)} operators; it lists others; export again"
        )
    if read_quantization(firmware.model) != (firmware.input_quantization, firmware.output_quantization):
        raise CheckError(
            f"{METRICS_FILE} must state the model's scales and zero points; it states others; export again"
        )


def _check_arena(firmware: FirmwareModel) -> None:
    """The firmware reserves what the MCU needs, and TFLM starts here in the arena that is said to suffice."""
    if firmware.arena_bytes < firmware.required_arena_bytes:
        figures = f"the model needs {firmware.required_arena_bytes:,} bytes; kArenaBytes is {firmware.arena_bytes:,}"
        raise CheckError(f"the firmware's arena must be large enough; {figures}; export again")
    needed, stated = measure_arena(firmware.model).total_bytes, firmware.measured.total_bytes
    if needed > stated:
        figures = f"TFLM needs {needed:,} bytes on this host; {METRICS_FILE} states {stated:,}"
        raise CheckError(f"the measured arena must be large enough; {figures}; export again")


def _check_sources(folder: Path, firmware: FirmwareModel) -> None:
    """Every firmware file is what model, metrics and vectors give."""
    for name, text in render_firmware(firmware).items():
        path = folder / "firmware" / name
        if not path.is_file() or path.read_bytes() != text.encode("ascii"):
            raise CheckError(f"firmware/{name} must be what model and metrics give; it differs; export again")
