"""What training needs from outside, looked for before anything is designed: a device, a teacher, worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import RunConfig
from nas.errors import SettingError

if TYPE_CHECKING:
    from nas.datasets import Dataset
    from nas.workers import Executor


def check_training(config: RunConfig, num_classes: int, tell: Callable[[str], None]) -> None:
    """Raise SettingError now, not after the search, for a device or a teacher that cannot be had."""
    from nas.training.devices import choose_device  # late: torch
    from nas.training.teacher_folder import find_teacher

    device = choose_device(config.training.device)
    if config.workers > 1 and device != "cpu":
        rule = "workers above 1 train on the CPU"
        raise SettingError(f"{rule}; the device is {device}; set workers=1 or training.device=cpu")
    if config.training.teacher.source != "train":
        tell(f"looking for {config.training.teacher.source}")
        find_teacher(config.training.teacher.source, num_classes)


def open_executor(config: RunConfig, run_folder: Path, load: Callable[[], Dataset]) -> Executor | None:
    """Worker processes, if the run is to have any; each has as many threads as the run itself."""
    if config.workers == 1:
        return None
    from nas.workers import WorkerJob, WorkerPool  # late: torch

    threads = config.threads or max(1, (os.cpu_count() or 1) // config.workers)
    job = WorkerJob(run_folder, config.resolve_task(), config.training, config.seed, threads, load)
    return WorkerPool(job, config.workers)
