"""One small network, trained for seconds on real digits, delivered for real."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nas.architecture import Architecture, Stage, Task
from nas.cost import report
from nas.datasets import Dataset, load_dataset
from nas.delivery import Delivery, deliver
from nas.errors import CheckError, SettingError
from nas.events import Event, ignore_events
from nas.export.firmware.sources import GENERATED_FILES, PLAIN_FILES
from nas.export.frames import fit_affine, quantize_frames
from nas.export.onnx_network import run_onnx
from nas.export.tflite import read_quantization
from nas.export.tflm import measure_arena, predict
from nas.export.vectors import TestVectors
from nas.export.verification import verify_delivery
from nas.network import Network, build_network
from nas.space import SearchSpace
from nas.training import Recipe
from nas.training.loop import train
from nas.training.prediction import evaluate_accuracy, predict_logits
from nas.workshop import DeliveryLimits, DeliveryOrder

ARCHITECTURE = Architecture(
    (
        Stage("DWSepConv", 16, 3, 1, None, 0, True, "relu6", 1),
        Stage("MBConv", 24, 3, 2, 3, 0.25, False, "swish", 1),
        Stage("MBConv", 32, 5, 2, 3, 0, False, "leaky_relu", 1),
    )
)
TASK = Task(24, 24, 1, 10)
LIMITS = DeliveryLimits("nrf52840", ram_bytes=262_144, flash_bytes=524_288, peak_sram_bytes=65_536)
FILES = {
    "model.tflite",
    "model.onnx",
    "weights.safetensors",
    "architecture.json",
    "metrics.json",
    "EXPLANATION.md",
    "README.md",
    "test_vectors.safetensors",
    *(f"firmware/{name}" for name in (*PLAIN_FILES, *GENERATED_FILES)),
}
PROVENANCE = {"command": "kilosmith run --preset quick", "seed": 3, "recipes": {"full": {"epochs": 4}}}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0)


@pytest.fixture(scope="module")
def network(dataset: Dataset) -> Network:
    built = build_network(ARCHITECTURE, TASK, seed=0)
    recipe = Recipe(epochs=4, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32)
    train(built, dataset, TASK, recipe, phase="full", seed=0, folder=None, on_epoch=[].append)
    return built


Deliver = Callable[..., Delivery]


@pytest.fixture(scope="module")
def deliver_to(network: Network, dataset: Dataset) -> Deliver:
    def deliver_one(folder: Path, **changes: Any) -> Delivery:
        order: dict[str, Any] = {
            "candidate_id": "c0007",
            "architecture": ARCHITECTURE,
            "limits": LIMITS,
            "estimated": report(ARCHITECTURE, TASK).to_dict(),
            "explanation": "# Why\n\nBecause.\n",
            "folder": folder,
        }
        training = {"weights_of_phase": "full", "validation_accuracy": {"full": 0.97}}
        arguments: dict[str, Any] = {"training": training, "provenance": PROVENANCE, "events": ignore_events}
        for name, value in changes.items():
            (arguments if name in arguments else order)[name] = value
        return deliver(network, DeliveryOrder(**order), TASK, dataset, **arguments)

    return deliver_one


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def delivery(deliver_to: Deliver, events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return deliver_to(tmp_path_factory.mktemp("run") / "delivery" / "c0007", events=events.append)


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_every_file_and_the_metrics_their_digests(delivery: Delivery) -> None:
    files = read(delivery.folder)
    assert set(files) == FILES
    metrics = json.loads(files.pop("metrics.json"))
    assert metrics == delivery.metrics
    assert metrics["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert [path.name for path in delivery.folder.parent.iterdir()] == ["c0007"]


def test_int8_is_within_a_point_of_float_on_the_whole_test_split(
    delivery: Delivery, network: Network, dataset: Dataset
) -> None:
    metrics = delivery.metrics
    assert metrics["num_test_images"] == len(dataset.test) == 359
    assert metrics["float_test_accuracy"] == evaluate_accuracy(network, dataset.test, dataset, TASK) > 0.9
    assert abs(metrics["int8_test_accuracy"] - metrics["float_test_accuracy"]) <= 0.01
    assert metrics["agreement"] > 0.98


def test_estimates_stand_beside_measurements(delivery: Delivery) -> None:
    metrics, estimated = delivery.metrics, report(ARCHITECTURE, TASK).to_dict()
    arena = measure_arena((delivery.folder / "model.tflite").read_bytes())
    assert metrics["measured_arena_bytes"] == arena.total_bytes
    assert metrics["measured_arena"]["engine"] == "tflm"
    assert metrics["measured_arena"]["version"] == arena.version
    assert metrics["estimated_arena_bytes"] == estimated["peak_sram"]["arena_bytes"]
    assert metrics["required_arena_bytes"] >= metrics["estimated_arena_bytes"]
    assert metrics["firmware_arena_bytes"] >= arena.total_bytes + 2048
    assert (metrics["macs"], metrics["params"]) == (estimated["macs"], estimated["params"])
    assert metrics["tflite_bytes"] == (delivery.folder / "model.tflite").stat().st_size
    assert metrics["flash_bytes"] - metrics["tflite_bytes"] == estimated["flash_bytes"] - estimated["tflite_bytes"]


def test_weights_and_architecture_give_the_network_back(delivery: Delivery, network: Network, dataset: Dataset) -> None:
    data = json.loads((delivery.folder / "architecture.json").read_text())
    architecture = SearchSpace(num_stages=3).parse(data)
    again = build_network(architecture, TASK, seed=1)
    again.load_state_dict(load_file(delivery.folder / "weights.safetensors"))
    images = dataset.test.images[:8]
    expected = predict_logits(network, images, dataset, TASK)
    torch.testing.assert_close(predict_logits(again, images, dataset, TASK), expected)


def test_onnx_answers_like_the_network(delivery: Delivery, network: Network, dataset: Dataset) -> None:
    from nas.datasets.preprocess import prepare_images

    images = dataset.test.images[:8]
    logits = predict_logits(network, images, dataset, TASK).numpy()
    prepared = prepare_images(images, TASK.height, TASK.width, dataset.mean, dataset.std).numpy()
    answers = run_onnx((delivery.folder / "model.onnx").read_bytes(), prepared)
    np.testing.assert_allclose(answers, logits, rtol=0, atol=1e-4)
    assert delivery.metrics["onnx_max_difference"] < 1e-4


def test_progress_is_told_and_never_stored(delivery: Delivery, events: list[Event]) -> None:
    assert delivery.metrics
    assert {(event.kind, event.data["phase"], event.transient) for event in events} == {("progress", "export", True)}
    assert events[0].data["step"] == "converting to int8"
    assert [event.data["done"] for event in events if event.data["total"]][-1] == 359


def test_delivering_again_replaces_the_folder_by_equal_bytes(delivery: Delivery, deliver_to: Deliver) -> None:
    before = read(delivery.folder)
    again = deliver_to(delivery.folder)
    assert read(delivery.folder) == before
    assert again.metrics == delivery.metrics


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"peak_sram_bytes": 20_000}, r"arena must fit 20,000 bytes on nrf52840; it needs \d+,\d+ \(measured on"),
        ({"flash_bytes": 100_000}, r"must fit 100,000 bytes of flash on nrf52840; they need \d+,\d+ \(model.tflite: "),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_figures(
    limits: dict[str, int], message: str, deliver_to: Deliver, tmp_path: Path
) -> None:
    with pytest.raises(CheckError, match=message):
        deliver_to(tmp_path / "c0007", limits=replace(LIMITS, **limits))
    assert list(tmp_path.iterdir()) == []


def test_an_arena_beyond_its_estimate_counts_against_the_limit(deliver_to: Deliver, tmp_path: Path) -> None:
    estimated = report(ARCHITECTURE, TASK).to_dict()
    estimated["peak_sram"] |= {"arena_bytes": 30_000, "host_arena_bytes": 1_000}
    with pytest.raises(CheckError, match="arena must fit 33,000 bytes"):
        deliver_to(tmp_path / "c0007", limits=replace(LIMITS, peak_sram_bytes=33_000), estimated=estimated)


def test_a_folder_of_somebody_else_is_refused_before_any_work(deliver_to: Deliver, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    seen: list[Event] = []
    with pytest.raises(SettingError, match="must be new, empty or an earlier delivery"):
        deliver_to(tmp_path, events=seen.append)
    assert seen == []
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_every_class_is_listed_with_what_int8_loses(delivery: Delivery, dataset: Dataset) -> None:
    rows = delivery.metrics["per_class"]
    assert sorted(row["class"] for row in rows) == sorted(dataset.class_names)
    assert sum(row["num_images"] for row in rows) == 359
    assert [row["drop"] for row in rows] == sorted((row["drop"] for row in rows), reverse=True)
    right = sum(row["int8_accuracy"] * row["num_images"] for row in rows)
    assert right / 359 == pytest.approx(delivery.metrics["int8_test_accuracy"])


def test_vectors_are_clear_real_test_images_of_different_answers(delivery: Delivery, dataset: Dataset) -> None:
    vectors = TestVectors.from_bytes((delivery.folder / "test_vectors.safetensors").read_bytes())
    assert np.array_equal(vectors.frames, dataset.test.images[vectors.images])
    assert np.array_equal(vectors.labels, dataset.test.labels[vectors.images])
    assert len(vectors.frames) == len(set(vectors.outputs.argmax(axis=1).tolist())) == 8
    assert vectors.outputs.min() > -128
    assert vectors.outputs.max() < 127
    model = (delivery.folder / "model.tflite").read_bytes()
    affine = fit_affine(TASK, dataset.mean, dataset.std, read_quantization(model)[0])
    inputs = quantize_frames(vectors.frames, TASK, affine)
    assert np.array_equal(predict(model, inputs, arena_bytes=1 << 20), vectors.outputs)


def test_the_card_says_what_the_metrics_say(delivery: Delivery) -> None:
    card = (delivery.folder / "README.md").read_text()
    metrics = delivery.metrics
    assert card.startswith("---\nlibrary_name: tflite\n")
    assert f"value: {metrics['int8_test_accuracy']}\n" in card
    low, high = (metrics["intervals"]["int8_test_accuracy"][end] for end in ("low", "high"))
    assert f"| int8 (TFLM) | {metrics['int8_test_accuracy']:.2%} | {low:.2%} to {high:.2%} |" in card
    assert low < metrics["int8_test_accuracy"] < high
    for text in ("kilosmith run --preset quick\n", "Seed 3.", metrics["dataset"]["fingerprint"], "## Limits"):
        assert text in card


@pytest.fixture
def tampered(delivery: Delivery, tmp_path: Path) -> Path:
    """A copy of the delivery, to be altered."""
    return Path(shutil.copytree(delivery.folder, tmp_path / "copy"))


def reseal(folder: Path, **changes: Any) -> None:
    """Alter the metrics, and make their digests fit whatever the files are now."""
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
    reseal(tampered)  # also by somebody who forges the digests: the answers change
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
    required = delivery.metrics["required_arena_bytes"]
    reseal(tampered, firmware_arena_bytes=required - 16)
    with pytest.raises(CheckError, match=rf"needs {required:,} bytes; kArenaBytes is {required - 16:,}; export again"):
        verify_delivery(tampered)
    measured = dict(delivery.metrics["measured_arena"])
    measured["tail_bytes"] -= 16
    reseal(tampered, firmware_arena_bytes=delivery.metrics["firmware_arena_bytes"], measured_arena=measured)
    too_small = delivery.metrics["measured_arena_bytes"] - 16
    with pytest.raises(CheckError, match=rf"must run in a TFLM arena of {too_small:,} bytes; TFLM said: "):
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


def test_another_folder_is_no_delivery(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"verify takes a delivery folder; .* has no readable metrics.json"):
        verify_delivery(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(CheckError, match=r"metrics.json must hold a delivery's figures; 'files' is wrong"):
        verify_delivery(tmp_path)
