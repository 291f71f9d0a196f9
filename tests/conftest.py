"""Fixtures shared by all tests: a small search on real digits, cheap enough to train in a second."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from shape_checks import install_shape_checks

install_shape_checks()  # before any module of nas is imported

from search_examples import BUDGET, SPACE, TASK
from system_packages import describe_remedy

from nas.cost import Budget
from nas.cost.board import find_board
from nas.datasets import load_dataset
from nas.events import Event
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore
from nas.training import DistillRecipe, Recipe, TeacherSettings, TrainingSettings
from nas.workspace.local_executor import LocalExecutor
from nas.workspace.workspace import Workspace

# other load on the machine may slow any example down
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report at the end what was skipped, why, and the one line that installs what was missing."""
    reports = terminalreporter.stats.get("skipped", [])
    if not reports:
        return
    reasons = Counter(
        (report.nodeid.split("::")[0], report.longrepr[2].removeprefix("Skipped: ")) for report in reports
    )
    terminalreporter.section(f"{len(reports)} skipped", yellow=True)
    for (file, reason), count in sorted(reasons.items()):
        terminalreporter.line(f"{count:>3} of {file}: {reason.removeprefix('Skipped: ')}")
    if remedy := describe_remedy(reason for _, reason in reasons):
        terminalreporter.line(f"To run those that lack packages, as root: {remedy}")


@pytest.fixture
def tiny_training() -> TrainingSettings:
    one = {"epochs": 1, "learning_rate": 0.05, "schedule": "cosine"}
    return TrainingSettings(
        mini=Recipe.model_validate(one),
        full=Recipe.model_validate(one),
        distill=DistillRecipe.model_validate(one),
        teacher=TeacherSettings.model_validate(
            one | {"image_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2}
        ),
    )


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def open_workspace(
    tmp_path: Path, tiny_training: TrainingSettings, events: list[Event]
) -> Iterator[Callable[..., Workspace]]:
    """Open (or open again) the workspace of the one run in `tmp_path`."""
    stores: list[RunStore] = []

    def open_one(budget: Budget = BUDGET) -> Workspace:
        while stores:
            stores.pop().close()
        exists = (tmp_path / "one" / "config.json").exists()
        store = RunStore.open(tmp_path, "one") if exists else RunStore.create(tmp_path, "one", {})
        if exists:
            store.lock()
        stores.append(store)
        return Workspace(
            store=store,
            space=SPACE,
            task=TASK,
            budget=budget,
            board=find_board("nrf52840"),
            executor=LocalExecutor(
                store.training_folder,
                TASK,
                load_dataset("digits", validation_fraction=0.2, seed=0),
                tiny_training,
                0,
                events.append,
            ),
            seed=0,
            events=events.append,
            num_niches=4,
        )

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def example_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs folder with the run `example`: read-only (`example_copy` may be written to)."""
    from example_run import build_example_run  # late: langgraph

    root = tmp_path_factory.mktemp("example")
    build_example_run(root)
    return root


@pytest.fixture
def example_copy(example_root: Path, tmp_path: Path) -> RunStore:
    """A copy of the run `example` in a runs folder of its own."""
    shutil.copytree(example_root / "example", tmp_path / "runs" / "example")
    return RunStore(tmp_path / "runs" / "example")


@pytest.fixture(scope="session")
def example_records(example_root: Path) -> RunRecords:
    """What the run `example` left behind."""
    from nas.records.reading import read_records

    return read_records(RunStore(example_root / "example"))
