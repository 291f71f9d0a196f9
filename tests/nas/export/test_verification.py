"""A delivery that was altered is refused, and what was altered is named."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.errors import CheckError, SettingError
from nas.export.delivery import Delivery
from nas.export.vectors import TestVectors
from nas.export.verification import verify_delivery


@pytest.fixture
def tampered(delivery: Delivery, tmp_path: Path) -> Path:
    """A copy of the delivery, to be altered."""
    return Path(shutil.copytree(delivery.folder, tmp_path / "copy"))


def reseal(folder: Path, **changes: Any) -> None:
    """Alter the metrics, and make their digests match the files as they are now."""
    metrics = json.loads((folder / "metrics.json").read_text()) | changes
    metrics["files"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in metrics["files"]}
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_a_delivery_verifies_also_elsewhere(tampered: Path, delivery: Delivery) -> None:
    assert verify_delivery(tampered) == delivery.metrics


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(bytes(content))


def find_weights(model: bytes) -> int:
    """Where in the file a kernel lies: the longest run without a zero word."""
    zeros = [at for at in range(0, len(model) - 4, 4) if model[at : at + 4] == bytes(4)]
    gaps = [(second - first, first) for first, second in itertools.pairwise(zeros)]
    length, start = max(gaps)
    return start + length // 2


def test_a_flipped_byte_of_the_model_is_named(tampered: Path) -> None:
    flip(tampered / "model.tflite", find_weights((tampered / "model.tflite").read_bytes()))
    with pytest.raises(CheckError, match=r"^model.tflite must have SHA-256 \w{64}; it has \w{64}: it was altered"):
        verify_delivery(tampered)
    reseal(tampered)  # even if the digests are forged: the answers change
    with pytest.raises(CheckError, match=r"^vector \d: logit \d must be -?\d+; TFLM gives -?\d+; the model or the"):
        verify_delivery(tampered)


def test_a_wrong_expected_output_is_named(tampered: Path) -> None:
    path = tampered / "test_vectors.safetensors"
    vectors = TestVectors.from_bytes(path.read_bytes())
    vectors.outputs[5, 2] += 1
    path.write_bytes(vectors.to_bytes())
    reseal(tampered)
    wrong = int(vectors.outputs[5, 2])
    with pytest.raises(CheckError, match=rf"^vector 5: logit 2 must be {wrong}; TFLM gives {wrong - 1}; "):
        verify_delivery(tampered)


def test_an_arena_one_step_too_small_is_named(tampered: Path, delivery: Delivery) -> None:
    required = delivery.metrics.required_arena_bytes
    reseal(tampered, firmware_arena_bytes=required - 16)
    with pytest.raises(CheckError, match=rf"needs {required:,} bytes; kArenaBytes is {required - 16:,}; export again"):
        verify_delivery(tampered)
    measured = delivery.metrics.to_dict()["measured_arena"]
    measured["tail_bytes"] -= 16
    reseal(tampered, firmware_arena_bytes=delivery.metrics.firmware_arena_bytes, measured_arena=measured)
    total = delivery.metrics.measured_arena_bytes
    with pytest.raises(
        CheckError, match=rf"TFLM needs {total:,} bytes on this host; metrics.json states {total - 16:,};"
    ):
        verify_delivery(tampered)


def test_a_changed_or_missing_source_is_named(tampered: Path) -> None:
    path = tampered / "firmware/model_config.h"
    text = path.read_text()
    path.write_text(text.replace("kVectorTolerance = 0", "kVectorTolerance = 255"))
    reseal(tampered)
    with pytest.raises(CheckError, match=r"^firmware/model_config.h must be what model and metrics give; it differs"):
        verify_delivery(tampered)
    path.unlink()
    with pytest.raises(CheckError, match=r"^firmware/model_config.h must be in the delivery; No such file"):
        verify_delivery(tampered)


def test_damaged_vectors_are_named(tampered: Path) -> None:
    path = tampered / "test_vectors.safetensors"
    vectors = TestVectors.from_bytes(path.read_bytes())
    whole = path.read_bytes()
    for content in (whole[:-5], replace(vectors, labels=vectors.labels[:2]).to_bytes()):
        path.write_bytes(content)
        reseal(tampered)
        with pytest.raises(CheckError, match=r"test vectors must be a whole safetensors file of one length"):
            verify_delivery(tampered)


def test_another_folder_is_not_a_delivery(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"verify takes a delivery folder; .* has no readable metrics.json"):
        verify_delivery(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(
        CheckError, match=r"^metrics.json must hold a delivery's figures; 'candidate' is missing; export again$"
    ):
        verify_delivery(tmp_path)
