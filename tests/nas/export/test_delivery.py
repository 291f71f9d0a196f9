"""What a delivery holds, and what is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from delivery_examples import ARCHITECTURE, LIMITS, TASK, Deliver
from safetensors.torch import load_file

from nas.cost import price
from nas.datasets import Dataset
from nas.errors import CheckError, SettingError
from nas.events import Event, Progress
from nas.export.delivery import Delivery
from nas.export.firmware.sources import GENERATED_FILES, PLAIN_FILES
from nas.export.frames import fit_affine, quantize_frames
from nas.export.onnx_network import run_onnx
from nas.export.tflite import read_quantization
from nas.export.tflm import measure_arena, predict
from nas.export.vectors import TestVectors
from nas.network.network import Network, build_network
from nas.space.search_space import SearchSpace
from nas.training.prediction import evaluate_accuracy, predict_logits

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


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_every_file_and_the_metrics_their_digests(delivery: Delivery) -> None:
    files = read(delivery.folder)
    assert set(files) == FILES
    metrics = json.loads(files.pop("metrics.json"))
    assert metrics == delivery.metrics.to_dict()
    assert metrics["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert [path.name for path in delivery.folder.parent.iterdir()] == ["c0007"]


def test_int8_is_within_a_point_of_float_on_the_whole_test_split(
    delivery: Delivery, trained_network: Network, digits: Dataset
) -> None:
    metrics = delivery.metrics
    assert metrics.num_test_images == len(digits.test) == 359
    assert metrics.float_test_accuracy == evaluate_accuracy(trained_network, digits.test, digits, TASK) > 0.9
    assert abs(metrics.int8_test_accuracy - metrics.float_test_accuracy) <= 0.01
    assert metrics.agreement > 0.98


def test_estimates_stand_beside_measurements(delivery: Delivery) -> None:
    metrics, estimated = delivery.metrics, price(ARCHITECTURE, TASK)
    arena = measure_arena((delivery.folder / "model.tflite").read_bytes())
    assert metrics.measured_arena_bytes == arena.total_bytes
    assert metrics.measured_arena.engine == "tflm"
    assert metrics.measured_arena.version == arena.version
    assert metrics.estimated_arena_bytes == estimated.arena_bytes
    assert metrics.required_arena_bytes >= metrics.estimated_arena_bytes
    assert metrics.firmware_arena_bytes >= arena.total_bytes + 2048
    assert (metrics.macs, metrics.params) == (estimated.macs, estimated.params)
    assert metrics.tflite_bytes == (delivery.folder / "model.tflite").stat().st_size
    assert metrics.flash_bytes - metrics.tflite_bytes == estimated.flash_bytes - estimated.tflite_bytes


def test_weights_and_architecture_give_the_network_back(
    delivery: Delivery, trained_network: Network, digits: Dataset
) -> None:
    data = json.loads((delivery.folder / "architecture.json").read_text())
    architecture = SearchSpace(num_stages=3).parse(data)
    again = build_network(architecture, TASK, seed=1)
    again.load_state_dict(load_file(delivery.folder / "weights.safetensors"))
    images = digits.test.images[:8]
    expected = predict_logits(trained_network, images, digits, TASK)
    torch.testing.assert_close(predict_logits(again, images, digits, TASK), expected)


def test_onnx_answers_like_the_network(delivery: Delivery, trained_network: Network, digits: Dataset) -> None:
    from nas.datasets.preprocess import prepare_images

    images = digits.test.images[:8]
    logits = predict_logits(trained_network, images, digits, TASK).numpy()
    prepared = prepare_images(images, TASK.height, TASK.width, digits.mean, digits.std).numpy()
    answers = run_onnx((delivery.folder / "model.onnx").read_bytes(), prepared)
    np.testing.assert_allclose(answers, logits, rtol=0, atol=1e-4)
    assert delivery.metrics.onnx_max_difference < 1e-4


def test_progress_is_told_and_never_stored(delivery: Delivery, delivery_events: list[Event]) -> None:
    assert delivery.metrics
    assert all(event.transient for event in delivery_events)
    told = [event for event in delivery_events if isinstance(event, Progress)]
    assert len(told) == len(delivery_events)
    assert {event.phase for event in told} == {"export"}
    assert told[0].step == "converting to int8"
    assert [event.done for event in told if event.total][-1] == 359


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
    estimated = replace(price(ARCHITECTURE, TASK), arena_bytes=30_000, host_arena_bytes=1_000)
    with pytest.raises(CheckError, match="arena must fit 33,000 bytes"):
        deliver_to(tmp_path / "c0007", limits=replace(LIMITS, peak_sram_bytes=33_000), estimated=estimated)


def test_a_foreign_folder_is_refused_before_any_work(deliver_to: Deliver, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    seen: list[Event] = []
    with pytest.raises(SettingError, match="must be new, empty or an earlier delivery"):
        deliver_to(tmp_path, events=seen.append)
    assert seen == []
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_every_class_is_listed_with_what_int8_loses(delivery: Delivery, digits: Dataset) -> None:
    rows = delivery.metrics.per_class
    assert sorted(row.name for row in rows) == sorted(digits.class_names)
    assert sum(row.num_images for row in rows) == 359
    assert [row.drop for row in rows] == sorted((row.drop for row in rows), reverse=True)
    right = sum(row.int8_accuracy * row.num_images for row in rows)
    assert right / 359 == pytest.approx(delivery.metrics.int8_test_accuracy)


def test_vectors_are_clear_real_test_images_of_different_answers(delivery: Delivery, digits: Dataset) -> None:
    vectors = TestVectors.from_bytes((delivery.folder / "test_vectors.safetensors").read_bytes())
    assert np.array_equal(vectors.frames, digits.test.images[vectors.images])
    assert np.array_equal(vectors.labels, digits.test.labels[vectors.images])
    assert len(vectors.frames) == len(set(vectors.outputs.argmax(axis=1).tolist())) == 8
    assert vectors.outputs.min() > -128
    assert vectors.outputs.max() < 127
    model = (delivery.folder / "model.tflite").read_bytes()
    affine = fit_affine(TASK, digits.mean, digits.std, read_quantization(model)[0])
    inputs = quantize_frames(vectors.frames, TASK, affine)
    assert np.array_equal(predict(model, inputs, arena_bytes=1 << 20), vectors.outputs)


def test_the_card_says_what_the_metrics_say(delivery: Delivery) -> None:
    card = (delivery.folder / "README.md").read_text()
    metrics = delivery.metrics
    assert card.startswith("---\nlibrary_name: tflite\n")
    assert f"value: {metrics.int8_test_accuracy}\n" in card
    low, high = (metrics.intervals.int8_test_accuracy.low, metrics.intervals.int8_test_accuracy.high)
    assert f"| int8 (TFLM) | {metrics.int8_test_accuracy:.2%} | {low:.2%} to {high:.2%} |" in card
    assert low < metrics.int8_test_accuracy < high
    for text in ("kilosmith run --preset quick\n", "Seed 3.", metrics.dataset.fingerprint, "## Limits"):
        assert text in card
