"""One small network, trained for seconds on real digits, delivered for real: once a test run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from delivery_examples import ARCHITECTURE, LIMITS, NO_FINETUNING, PROVENANCE, TASK, Deliver

from nas.cost import price
from nas.datasets import Dataset, load_dataset
from nas.events import Event, ignore_events
from nas.export.delivery import Delivery, export
from nas.export.export_order import ExportOrder
from nas.network.network import Network, build_network
from nas.training import Recipe
from nas.training.loop import train
from nas.training.results import TrainingOrigin


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0)


@pytest.fixture(scope="session")
def trained_network(digits: Dataset) -> Network:
    built = build_network(ARCHITECTURE, TASK, seed=0)
    recipe = Recipe(epochs=4, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32)
    train(built, digits, TASK, recipe, phase="full", seed=0, folder=None, on_epoch=[].append)
    return built


@pytest.fixture(scope="session")
def deliver_to(trained_network: Network, digits: Dataset) -> Deliver:
    def deliver_one(folder: Path, **changes: Any) -> Delivery:
        order: dict[str, Any] = {
            "candidate_id": "c0007",
            "architecture": ARCHITECTURE,
            "limits": LIMITS,
            "estimated": price(ARCHITECTURE, TASK),
            "explanation": "# Why\n\nBecause.\n",
            "folder": folder,
        }
        training = TrainingOrigin("full", {"full": 0.97})
        arguments: dict[str, Any] = {"training": training, "provenance": PROVENANCE, "events": ignore_events}
        arguments["finetuning"] = NO_FINETUNING
        for name, value in changes.items():
            (arguments if name in arguments else order)[name] = value
        return export(trained_network, ExportOrder(**order), TASK, digits, **arguments)

    return deliver_one


@pytest.fixture(scope="session")
def delivery_events() -> list[Event]:
    return []


@pytest.fixture(scope="session")
def delivery(deliver_to: Deliver, delivery_events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return deliver_to(tmp_path_factory.mktemp("run") / "delivery" / "c0007", events=delivery_events.append)
