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
    from nas.training.workers import WorkerPool


def check_training(config: RunConfig, num_classes: int, tell: Callable[[str], None]) -> None:
    """Raise SettingError now, not after the search, for an unavailable device or teacher."""
    from nas.training.teacher_folder import find_teacher

    gpus = _list_gpus(config)
    if gpus and config.workers > len(gpus):
        rule = f"workers must be at most one for each GPU that PyTorch sees ({len(gpus)})"
        raise SettingError(f"{rule}; got {config.workers}; set workers={len(gpus)} or training.device=cpu")
    if config.training.teacher.source != "train":
        tell(f"looking for {config.training.teacher.source}")
        find_teacher(config.training.teacher.source, num_classes)


def open_pool(config: RunConfig, folder: Path, load: Callable[[], Dataset]) -> WorkerPool | None:
    """Worker processes, if the run is to have any: each with the run's threads and, where it uses GPUs, one of them."""
    if config.workers == 1:
        return None
    from nas.training.workers import WorkerPool, WorkerSetup  # late: torch

    threads = config.threads or max(1, (os.cpu_count() or 1) // config.workers)
    task, gpus = config.resolve_task(), _list_gpus(config)
    setup = WorkerSetup(folder, task, config.training, config.seed, threads, load, gpus)
    return WorkerPool(setup, config.workers)


def _list_gpus(config: RunConfig) -> tuple[str, ...]:
    """The GPUs that the run may train on, as CUDA_VISIBLE_DEVICES calls them; none if it trains on the CPU."""
    import torch

    from nas.training.devices import choose_device

    if choose_device(config.training.device) == "cpu":
        return ()
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return tuple(named.split(","))[:count] if named else tuple(map(str, range(count)))
