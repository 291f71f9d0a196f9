"""Several trainings at once, one process each.

A worker trains in the same folder exactly as the run itself would, with as many threads, and leaves the outcome there
for `Phases` to read back: so results depend neither on the number of workers nor on which finishes first (on GPUs, as
far as these are identical and their sums reproducible).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from nas.datasets import Dataset
from nas.events import ignore_events
from nas.space.architecture import Task
from nas.training import TrainingSettings
from nas.training.jobs import TrainingJob
from nas.training.phases import Phases

WATCH_SECONDS = 0.2  # how long a worker may outlive its run


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to train any candidate of a run in `folder`; `load` loads the data set in each of them.

    With `gpus`, named as in CUDA_VISIBLE_DEVICES, each worker has one of them to itself.
    """

    folder: Path
    task: Task
    settings: TrainingSettings
    seed: int
    threads: int
    load: Callable[[], Dataset]
    gpus: tuple[str, ...] = ()


class WorkerPool:
    """`num_workers` processes, at most one per GPU if the setup has any."""

    def __init__(self, setup: WorkerSetup, num_workers: int) -> None:
        if setup.gpus and num_workers > len(setup.gpus):
            raise ValueError(f"workers must be at most one a GPU ({len(setup.gpus)}); got {num_workers}")
        self._setup = setup
        self._num_workers = num_workers

    def train(self, jobs: Sequence[TrainingJob]) -> dict[str, str]:
        """Why jobs whose process died failed, by candidate id; every other job leaves its outcome in the folder.

        When a process dies, the unfinished jobs are trained one at a time, which reveals the one that kills it.
        """
        left = self._train_together(list(jobs), self._num_workers)
        return {
            job.candidate_id: "the process that trained it died, perhaps for want of memory"
            for job in left
            if self._train_together([job], 1)
        }

    def _train_together(self, jobs: list[TrainingJob], num_workers: int) -> list[TrainingJob]:
        """The jobs left unfinished when a process died."""
        # a fresh interpreter each: a forked one would inherit torch's locks, held by threads that it does not have
        context = get_context("spawn")
        free_gpus: SimpleQueue[str] = context.SimpleQueue()
        for gpu in self._setup.gpus:
            free_gpus.put(gpu)
        pool = ProcessPoolExecutor(
            min(num_workers, len(jobs)),
            mp_context=context,
            initializer=_begin,
            initargs=(self._setup, os.getpid(), free_gpus),
        )
        left = list(jobs)
        try:
            futures: dict[Future[None], TrainingJob] = {pool.submit(_train, job): job for job in jobs}
            for future in as_completed(futures):
                future.result()
                left.remove(futures[future])
        except BrokenProcessPool:
            return left
        finally:
            # jobs interrupted with the run resume after their last epoch when it does
            for process in list((pool._processes or {}).values()) if left else []:
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        return left


# of this worker: built once, since loading the data is slow; or why that failed
_phases: list[Phases] = []
_troubles: list[Exception] = []


def _begin(setup: WorkerSetup, parent: int, free_gpus: SimpleQueue[str]) -> None:
    """Prepare a worker process: it ends with its run, whatever ends that."""
    import torch

    if setup.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = free_gpus.get()  # torch looks when CUDA is first used, not when imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    torch.set_num_threads(setup.threads)
    settings = setup.settings.model_copy(update={"device": "cuda" if setup.gpus else "cpu"})  # as the run decided
    try:
        _phases.append(Phases(setup.folder, setup.task, setup.load(), settings, setup.seed, ignore_events))
    except Exception as error:  # noqa: BLE001  (whatever it is, the run is to hear of it)
        _troubles.append(error)  # raised here it would look like a dead process; `_train` raises it


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)  # two processes must never write one candidate's checkpoints


def _train(job: TrainingJob) -> None:
    if _troubles:
        raise _troubles[0]
    _phases[0].train(job)
