"""What training needs from outside is checked before a run begins. The GPUs here are fake: no kernel runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from agent.config import RunConfig, resolve_config
from agent.running.training_setup import check_training, open_pool
from nas.datasets import Dataset, load_dataset
from nas.errors import SettingError
from nas.training.workers import WorkerPool

LOAD: Callable[[], Dataset] = partial(load_dataset, "digits", validation_fraction=0.2, seed=0)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def configure(workers: int, *settings: str) -> RunConfig:
    return resolve_config("quick", settings=settings, flags={"workers": workers})


def find_gpus(config: RunConfig, folder: Path) -> tuple[str, ...]:
    executor = open_pool(config, folder, LOAD)
    assert isinstance(executor, WorkerPool)
    return executor._setup.gpus


@pytest.mark.usefixtures("two_gpus")
def test_workers_are_at_most_one_a_gpu(tmp_path: Path) -> None:
    check_training(configure(2), 10, lambda _: None)
    assert find_gpus(configure(2), tmp_path) == ("0", "1")
    with pytest.raises(SettingError, match=r"one for each GPU.*\(2\); got 3; set workers=2 or training.device=cpu"):
        check_training(configure(3), 10, lambda _: None)


@pytest.mark.usefixtures("two_gpus")
def test_gpus_keep_the_names_under_which_the_run_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-8f2c")
    assert find_gpus(configure(2), tmp_path) == ("5", "GPU-8f2c")


@pytest.mark.usefixtures("two_gpus")
def test_workers_on_the_cpu_are_not_bound_to_gpus(tmp_path: Path) -> None:
    config = configure(3, "training.device=cpu")
    check_training(config, 10, lambda _: None)
    assert find_gpus(config, tmp_path) == ()
