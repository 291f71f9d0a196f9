"""Quantization-aware fine-tuning in a delivery: when it happens, what it gains in TFLM, what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from delivery_examples import refuse
from metrics_examples import make_metrics
from safetensors.torch import load_file

from nas.cost import price
from nas.datasets import Dataset, load_dataset
from nas.events import Event, EventSink, ignore_events
from nas.export.delivered import Delivered
from nas.export.delivery import export
from nas.export.export_order import ExportLimits, ExportOrder
from nas.export.int8_choice import MOST_IMAGES, Comparison, Converted, Finetuning, choose_int8
from nas.export.metrics import DeliveryMetrics, Provenance, QuantizationChoice
from nas.export.scoring import prepare
from nas.export.tflite import convert_int8
from nas.export.tflm import measure_arena
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training import Finetuned, QuantizationRecipe, Recipe, TrainedPhase, TrainingSettings
from nas.training.loop import train
from nas.training.phase_events import EpochFinished, PhaseFinished
from nas.training.phases import Phases
from nas.training.results import TrainingOrigin
from nas.workspace.recorded_executor import RecordedExecutor

TASK = Task(16, 16, 1, 10)
ARCHITECTURE = Architecture(
    (
        Stage("MBConv", 16, 3, 1, 3, 0.0, False, "relu6", 1),
        Stage("MBConv", 24, 3, 2, 3, 0.25, False, "swish", 1),
        Stage("DWSepConv", 32, 3, 1, None, 0.0, False, "leaky_relu", 2),
    )
)
LIMITS = ExportLimits("nrf52840", ram_bytes=262_144, flash_bytes=524_288, peak_sram_bytes=65_536)


@pytest.fixture(scope="module")
def lopsided(digits: Dataset) -> Network:
    """A trained network, its float answers kept, two of whose tensors have one channel 100 times the others."""
    network = build_network(ARCHITECTURE, TASK, seed=0)
    recipe = Recipe(epochs=4, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32)
    train(network, digits, TASK, recipe, phase="full", seed=0, folder=None, on_epoch=[].append)
    first, second, third = (stage[0] for stage in network.stages)
    with torch.no_grad():
        for block in (first, second):
            block.project.norm.weight[0] *= 100
            block.project.norm.bias[0] *= 100
        second.expand.conv.weight[:, 0] /= 100
        third.depthwise.conv.weight[0] /= 100
    return network


@pytest.fixture(scope="module")
def few_digits() -> Dataset:
    """Enough where it does not matter how well a network learns."""
    return load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=128)


@pytest.fixture
def open_phases(
    tmp_path: Path, digits: Dataset, tiny_training: TrainingSettings, events: list[Event]
) -> Callable[..., Phases]:
    def open_one(events: EventSink = events.append, data: Dataset = digits, **changes: Any) -> Phases:
        qat = tiny_training.qat.model_copy(update=changes)
        return Phases(tmp_path / "training", TASK, data, tiny_training.model_copy(update={"qat": qat}), 0, events)

    return open_one


def deliver_lopsided(network: Network, digits: Dataset, phases: Phases, folder: Path) -> DeliveryMetrics:
    order = ExportOrder("c001", ARCHITECTURE, LIMITS, price(ARCHITECTURE, TASK), "Why.\n", folder)
    return export(
        network,
        order,
        TASK,
        digits,
        training=TrainingOrigin("full", {"full": 0.97}),
        provenance=Provenance("", 0, {}),
        finetuning=Finetuning(0.01, lambda images: phases.finetune("c001", network, images)),
        events=ignore_events,
    ).metrics


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow  # half a minute
def test_a_network_that_int8_ruins_is_fine_tuned_delivered_and_recorded(
    lopsided: Network, digits: Dataset, open_phases: Callable[..., Phases], tmp_path: Path, events: list[Event]
) -> None:
    as_trained = {name: tensor.clone() for name, tensor in lopsided.state_dict().items()}
    metrics = deliver_lopsided(lopsided, digits, open_phases(), tmp_path / "delivery")
    told = metrics.quantization
    assert told is not None
    assert told.finetuning is not None
    before, after = told.before, told.finetuning.after
    assert after is not None
    assert before.float_validation_accuracy - before.int8_validation_accuracy > 0.1
    assert after.int8_validation_accuracy - before.int8_validation_accuracy > 0.1
    assert metrics.int8_test_accuracy > before.int8_validation_accuracy + 0.1
    assert (told.num_images, told.finetuning.epochs, told.kept) == (288, 8, "fine-tuned")
    assert metrics.training.weights_of_phase == "qat"
    delivered = load_file(tmp_path / "delivery" / "weights.safetensors")
    assert not torch.equal(delivered["stem.conv.weight"], as_trained["stem.conv.weight"])
    assert all(torch.equal(lopsided.state_dict()[name], tensor) for name, tensor in as_trained.items())
    card = (tmp_path / "delivery" / "README.md").read_text()
    assert f"int8 {before.int8_validation_accuracy:.2%}.\nThat is more than 1.00%: 8 epochs" in card
    assert f"int8 {after.int8_validation_accuracy:.2%} on them. Kept: the network fine-tuned." in card
    assert [event.result.epoch for event in events if isinstance(event, EpochFinished)] == list(range(1, 9))
    files = read(tmp_path / "delivery")
    assert deliver_lopsided(lopsided, digits, open_phases(), tmp_path / "delivery") == metrics
    assert read(tmp_path / "delivery") == files
    assert len([event for event in events if isinstance(event, EpochFinished)]) == 8  # nothing was trained again


def test_an_interrupted_finetuning_goes_on_to_the_same_weights(
    lopsided: Network, few_digits: Dataset, open_phases: Callable[..., Phases], events: list[Event]
) -> None:
    calibration = np.zeros((8, 16, 16, 1), np.float32)
    whole = open_phases(data=few_digits, epochs=3).finetune("c001", lopsided, calibration).network.state_dict()

    class StoppedError(Exception):
        pass

    def stop_after_two(event: Event) -> None:
        if isinstance(event, EpochFinished) and event.result.epoch == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        open_phases(stop_after_two, data=few_digits, epochs=3).finetune("c002", lopsided, calibration)
    events.clear()
    again = open_phases(data=few_digits, epochs=3).finetune("c002", lopsided, calibration).network.state_dict()
    assert [event.result.epoch for event in events if isinstance(event, EpochFinished)] == [3]
    assert all(torch.equal(again[name], tensor) for name, tensor in whole.items())


def test_other_weights_are_fine_tuned_anew(
    lopsided: Network, few_digits: Dataset, open_phases: Callable[..., Phases], events: list[Event]
) -> None:
    calibration = np.zeros((8, 16, 16, 1), np.float32)
    phases = open_phases(data=few_digits, epochs=1)
    phases.finetune("c001", lopsided, calibration)
    phases.finetune("c001", build_network(ARCHITECTURE, TASK, seed=5), calibration)
    assert [type(event) for event in events] == [EpochFinished] * 2


def test_a_loss_of_just_the_threshold_is_tolerated() -> None:
    assert not Comparison(100, float_right=98, int8_right=97).exceeds(0.01)  # 0.98 - 0.97 > 0.01 in floating point
    assert Comparison(100, float_right=98, int8_right=96).exceeds(0.01)
    assert not Comparison(288, float_right=200, int8_right=250).exceeds(0.0)


class Example:
    """`choose_int8` on the lopsided network, with real conversions and a given fine-tuning."""

    def __init__(self, network: Network, digits: Dataset) -> None:
        self.digits = digits
        self.calibration = prepare(digits.train.images[:64], digits, TASK)

        def convert(one: Network) -> Converted:
            model = convert_int8(one, ARCHITECTURE, TASK, self.calibration)
            return Converted(one, model, measure_arena(model), 0)

        self.convert = convert
        self.start = convert(network)

    def choose(self, finetuning: Finetuning) -> tuple[Converted, QuantizationChoice]:
        return choose_int8(self.start, self.convert, finetuning, self.calibration, self.digits, TASK, lambda *_: None)


@pytest.fixture(scope="module")
def example(lopsided: Network, digits: Dataset) -> Example:
    return Example(lopsided, digits)


def test_nothing_is_tuned_below_the_threshold(example: Example) -> None:
    chosen, told = example.choose(Finetuning(0.9, refuse))
    assert chosen is example.start
    assert (told.finetuning, told.kept, told.threshold) == (None, "as trained", 0.9)


def test_a_tuned_network_that_is_no_better_is_not_kept(example: Example) -> None:
    worse = build_network(ARCHITECTURE, TASK, seed=1)
    chosen, told = example.choose(Finetuning(0.01, lambda _: Finetuned(worse, TrainedPhase("qat", 0.1, (), 1.0))))
    assert chosen is example.start
    assert told.kept == "as trained"
    assert told.finetuning is not None
    assert told.finetuning.after is not None
    assert told.finetuning.after.int8_validation_accuracy < told.before.int8_validation_accuracy


def test_a_tuning_that_fails_leaves_the_network_as_trained(example: Example, lopsided: Network) -> None:
    failed = Finetuned(lopsided, TrainedPhase.failed("qat", "the loss was no longer a number"))
    chosen, told = example.choose(Finetuning(0.01, lambda _: failed))
    assert chosen is example.start
    assert told.finetuning is not None
    assert told.finetuning.after is None
    assert told.finetuning.failure == "the loss was no longer a number"


def test_validation_decides_and_the_test_split_is_not_read(example: Example, digits: Dataset) -> None:
    blind = replace(digits, test=digits.test.take(np.arange(0)))
    keep = Finetuning(0.9, refuse)
    _, told = choose_int8(example.start, example.convert, keep, example.calibration, blind, TASK, lambda *_: None)
    assert told.num_images == len(digits.validation) < MOST_IMAGES


def test_a_recorded_delivery_repeats_its_finetuning() -> None:
    outcome = TrainedPhase("qat", 0.9, (), 1.0)
    order = ExportOrder("c001", ARCHITECTURE, LIMITS, price(ARCHITECTURE, TASK), "", Path("nowhere"))
    metrics = make_metrics(order)
    exported = RecordedExecutor([PhaseFinished("c001", outcome), Delivered("c001", metrics)]).export(order)
    assert exported.metrics == metrics
    assert exported.finetuning == outcome


def test_settings_without_it_take_the_default(tiny_training: TrainingSettings) -> None:
    recorded = tiny_training.model_dump()
    del recorded["qat"]
    settings = TrainingSettings.model_validate(json.loads(json.dumps(recorded)))
    assert settings.qat.threshold == 0.01
    with pytest.raises(ValueError, match="threshold"):
        QuantizationRecipe.model_validate(settings.qat.model_dump() | {"threshold": 2.0})
