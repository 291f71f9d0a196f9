"""Candidates trained in parallel come out as if trained one after another; a process that dies is an outcome."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from search_examples import TASK, make_stages

from nas.datasets import Dataset, load_dataset
from nas.errors import SettingError
from nas.events import Event
from nas.space.architecture import Architecture, Stage
from nas.training import TrainedPhase, TrainingJob, TrainingSettings
from nas.training.workers import WorkerPool, WorkerSetup
from nas.workspace.local_executor import LocalExecutor

load_digits = partial(load_dataset, "digits", validation_fraction=0.2, seed=0, train_limit=128)


def die() -> Dataset:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def die_once(marker: Path) -> Dataset:
    if not marker.exists():
        marker.touch()
        die()
    return load_digits()


def note_gpu(folder: Path) -> Dataset:
    (folder / f"gpu{os.environ['CUDA_VISIBLE_DEVICES']}").touch(exist_ok=False)
    end = time.monotonic() + 280
    while len(list(folder.glob("gpu*"))) < 2 and time.monotonic() < end:
        time.sleep(0.1)  # the first to fail ends the other
    return load_digits()


def jobs() -> list[TrainingJob]:
    base = Architecture(tuple(Stage(**({"expansion": None} | stage)) for stage in make_stages({})))
    first, *others = base.stages
    made = [Architecture((replace(first, kernel_size=size), *others)) for size in (3, 5, 7)]
    return [TrainingJob(f"c{number:03d}", architecture, "mini") for number, architecture in enumerate(made, start=1)]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def open_executor(
    root: Path, training: TrainingSettings, events: list[Event], load: Callable[[], Dataset] | None
) -> LocalExecutor:
    folder = root / "training"
    pool = None if load is None else WorkerPool(WorkerSetup(folder, TASK, training, 0, 1, load), 2)
    return LocalExecutor(folder, TASK, load_digits(), training, 0, events.append, pool=pool)


def train_all(executor: LocalExecutor) -> list[TrainedPhase]:
    executor.train_together(jobs())
    return [executor.train(job) for job in jobs()]


def without_seconds(outcomes: list[TrainedPhase]) -> list[Any]:
    return [replace(one, seconds=0, curve=tuple(replace(epoch, seconds=0) for epoch in one.curve)) for one in outcomes]


def test_two_workers_bring_what_one_process_brings_in_the_same_order(
    tmp_path: Path, tiny_training: TrainingSettings
) -> None:
    told: list[list[Event]] = [[], []]
    executors = [
        open_executor(tmp_path / str(place), tiny_training, told[place], load)
        for place, load in enumerate((None, load_digits))
    ]
    alone, together = (train_all(executor) for executor in executors)
    assert without_seconds(together) == without_seconds(alone)
    weights = [sorted((tmp_path / str(place)).rglob("weights.safetensors")) for place in (0, 1)]
    assert len(weights[0]) == 3
    assert [path.read_bytes() for path in weights[1]] == [path.read_bytes() for path in weights[0]]
    assert all(event.transient for events in told for event in events)  # the workspace puts outcomes on record


@pytest.mark.slow
def test_candidate_whose_process_dies_fails(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    one, two = jobs()[:2]
    executor = open_executor(tmp_path, tiny_training, [], die)
    executor.train_together([one, two])
    assert executor.train(one).failure == "the process that trained it died, perhaps for want of memory"


@pytest.mark.slow
def test_process_that_dies_takes_no_other_candidate_with_it(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    outcomes = train_all(open_executor(tmp_path, tiny_training, [], partial(die_once, tmp_path / "marker")))
    assert [outcome.failure for outcome in outcomes] == ["", "", ""]


def test_finished_candidates_are_not_given_to_workers(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    executor = open_executor(tmp_path, tiny_training, [], die)
    for job in jobs()[:2]:
        executor.train(job)
    executor.train_together(jobs())  # one is left, and a single one needs no worker
    assert not executor.train(jobs()[2]).failure


def test_each_worker_has_a_gpu_to_itself(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    setup = WorkerSetup(tmp_path, TASK, tiny_training, 0, 1, partial(note_gpu, tmp_path), gpus=("3", "7"))
    with pytest.raises(SettingError, match=r"training\.device cuda must be there"):  # these GPUs are fake
        WorkerPool(setup, 2).train(jobs()[:2])
    assert sorted(path.name for path in tmp_path.glob("gpu*")) == ["gpu3", "gpu7"]
    with pytest.raises(ValueError, match="at most one a GPU"):
        WorkerPool(setup, 3)


def refuse() -> Dataset:
    raise SettingError("the data must be readable")


def test_worker_that_cannot_begin_says_why_and_no_candidate_has_failed(
    tmp_path: Path, tiny_training: TrainingSettings
) -> None:
    executor = open_executor(tmp_path, tiny_training, [], refuse)
    with pytest.raises(SettingError, match="the data must be readable"):
        executor.train_together(jobs())
    assert not list(tmp_path.rglob("result.json"))


def test_worker_trains_where_the_run_decided_or_not_at_all(tmp_path: Path, tiny_training: TrainingSettings) -> None:
    setup = WorkerSetup(tmp_path, TASK, tiny_training, 0, 1, load_digits, gpus=("none",))
    with pytest.raises(SettingError, match=r"training\.device cuda must be there"):
        WorkerPool(setup, 1).train(jobs()[:1])
