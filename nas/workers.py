"""Mini-phases of several candidates at once, a process each.

A worker trains in the run's folder exactly as the run itself would, with as many threads, and leaves the outcome there
for `Phases` to read back: so results do not depend on the number of workers, nor on who finishes first (on GPUs as far
as these are alike and their sums repeat themselves).
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
from typing import Protocol

from nas.architecture import Architecture, Task
from nas.datasets import Dataset
from nas.events import ignore_events
from nas.halving import Contest
from nas.phases import Phases
from nas.store import RunStore
from nas.training import TrainingSettings
from nas.workshop import Candidate

WATCH_SECONDS = 0.2  # how long a worker may outlive its run


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """What a worker needs to train any candidate of a run; `load` brings the data set anew in each of them.

    With `gpus`, as CUDA_VISIBLE_DEVICES calls them, each worker has one of them to itself.
    """

    run_folder: Path
    task: Task
    settings: TrainingSettings
    seed: int
    threads: int
    load: Callable[[], Dataset]
    gpus: tuple[str, ...] = ()


class Executor(Protocol):
    """Trains candidates; an outcome of each lies in the run's folder when it returns."""

    def train(self, candidates: Sequence[Candidate]) -> dict[str, str]:
        """Why each candidate failed whose process died, by id; all others have been trained."""


class WorkerPool:
    """`num_workers` processes, at most one for each of the job's GPUs if it has any."""

    def __init__(self, job: WorkerJob, num_workers: int) -> None:
        if job.gpus and num_workers > len(job.gpus):
            raise ValueError(f"workers must be at most one a GPU ({len(job.gpus)}); got {num_workers}")
        self._job = job
        self._num_workers = num_workers

    def train(self, candidates: Sequence[Candidate]) -> dict[str, str]:
        """As `Executor.train`. When a process dies, whoever was not done trains alone: so it is known who did it."""
        left = self._train_together(list(candidates), self._num_workers)
        return {
            candidate[0]: "the process that trained it died, perhaps for want of memory"
            for candidate in left
            if self._train_together([candidate], 1)
        }

    def _train_together(self, candidates: list[Candidate], num_workers: int) -> list[Candidate]:
        """The candidates that were not done when a process died."""
        # a fresh interpreter each: a forked one would inherit torch's locks, held by threads that it does not have
        context = get_context("spawn")
        free_gpus: SimpleQueue[str] = context.SimpleQueue()
        for gpu in self._job.gpus:
            free_gpus.put(gpu)
        pool = ProcessPoolExecutor(
            min(num_workers, len(candidates)),
            mp_context=context,
            initializer=_begin,
            initargs=(self._job, os.getpid(), free_gpus),
        )
        left = list(candidates)
        try:
            futures: dict[Future[None], Candidate] = {pool.submit(_train, *one): one for one in candidates}
            for future in as_completed(futures):
                future.result()
                left.remove(futures[future])
        except BrokenProcessPool:
            return left
        finally:
            # what is running when the run is interrupted goes on after its last epoch when the run does
            for process in list((pool._processes or {}).values()) if left else []:
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
        return left


# of this worker: built once, since loading the data takes long; or why it could not be
_phases: list[Phases] = []
_troubles: list[Exception] = []


def _begin(job: WorkerJob, parent: int, free_gpus: SimpleQueue[str]) -> None:
    """Prepare a worker process: it ends with its run, whatever ends that."""
    import torch

    if job.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = free_gpus.get()  # torch looks when CUDA is first used, not when imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to answer
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    torch.set_num_threads(job.threads)
    settings = job.settings.model_copy(update={"device": "cuda" if job.gpus else "cpu"})  # as the run decided
    try:
        store = RunStore(job.run_folder)
        _phases.append(Phases(store, job.task, job.load(), settings, job.seed, ignore_events))
    except Exception as error:  # noqa: BLE001  (whatever it is, the run is to hear of it)
        _troubles.append(error)  # raised here it would look like a death; `_train` raises it


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)  # two processes must never write one candidate's checkpoints


def _train(candidate_id: str, architecture: Architecture, contest: Contest | None) -> None:
    if _troubles:
        raise _troubles[0]
    _phases[0].mini(candidate_id, architecture, contest)
