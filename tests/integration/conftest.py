"""Runs whose training is not the subject."""

from __future__ import annotations

import pytest
from example_run import MadeUpExecutor

from agent.config import RunConfig
from agent.running.runner import build_workspace, count_images
from nas.datasets import Dataset
from nas.events import EventSink
from nas.records.run_store import RunStore
from nas.workspace.workspace import Workspace


@pytest.fixture
def _made_up_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands in this process train and deliver nothing: results are made up, everything else is real."""

    def build(config: RunConfig, store: RunStore, data: Dataset, events: EventSink) -> Workspace:
        return build_workspace(config, store, MadeUpExecutor(figures={}), count_images(data), events)

    monkeypatch.setattr("agent.running.runner.build_local_workspace", build)
