"""The real TFLM runtime: the arena a model needs on this host, and its answers, image by image."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nas.errors import CheckError
from nas.export.native_stderr import native_stderr_captured

ENGINE = "tflm"
LARGEST_ARENA_BYTES = 128 * 1024 * 1024  # far beyond any microcontroller; pages that stay unused cost nothing
STEP_BYTES = 16  # TFLM's alignment
PROBE_SECONDS = 2.0  # after this long the rate is known
PARALLEL_SECONDS = 10.0  # how much must be left to do before worker processes (half a second each to start) pay off
CHUNK_SECONDS = 1.0  # a worker's piece of work: also how often progress is reported

Int8s = NDArray[np.int8]
ProgressSink = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ArenaMeasurement:
    """Bytes of the smallest arena in which TFLM runs a model on this 64-bit host, and its parts.

    `head_bytes` and `tail_bytes` are what TFLM's recording allocator reports. `planning_bytes` is what the memory
    planner needs beyond the head while it lays the tensors out: TFLM does not report it, and it is above 0 only where
    activations are small and operators many.
    """

    head_bytes: int
    tail_bytes: int
    planning_bytes: int
    engine: str
    version: str

    @property
    def total_bytes(self) -> int:
        """The whole arena."""
        return self.head_bytes + self.tail_bytes + self.planning_bytes


def measure_arena(model: bytes) -> ArenaMeasurement:
    """What the TFLM runtime needs for an int8 TFLite file. Raises CheckError for a file it cannot run.

    Reads what TFLM prints on file descriptor 2, which belongs to the process: not to be called from two threads. Tries
    sizes in a process of its own, since TFLM crashes in some arenas that are too small.
    """
    from tflite_micro import __version__

    interpreter = _open(model, LARGEST_ARENA_BYTES)
    with native_stderr_captured() as captured:
        interpreter.print_allocations()
        text = captured()
    found = dict(re.findall(r"Arena allocation (total|head|tail) (\d+) bytes", text))
    if set(found) != {"total", "head", "tail"}:
        raise RuntimeError(f"tflite_micro {__version__} reports allocations in another form: {text[:200]!r}")
    head, tail = int(found["head"]), int(found["tail"])
    smallest = _smallest_arena(model, head + tail)
    return ArenaMeasurement(head, tail, smallest - head - tail, ENGINE, __version__)


def _smallest_arena(model: bytes, recorded_bytes: int) -> int:
    """The smallest arena that works, at least `recorded_bytes`, in steps of 16 bytes; by bisection where that fails."""
    with _Trials(model) as trials:
        if trials.works(recorded_bytes):
            return recorded_bytes
        too_small, enough = 0, 64  # in steps above what was recorded
        while not trials.works(recorded_bytes + enough * STEP_BYTES):
            too_small, enough = enough, enough * 2
        while enough - too_small > 1:
            middle = (too_small + enough) // 2
            if trials.works(recorded_bytes + middle * STEP_BYTES):
                enough = middle
            else:
                too_small = middle
    return recorded_bytes + enough * STEP_BYTES


class _Trials:
    """Starts a model in arenas of given sizes, in a process of its own.

    TFLM ends with a segmentation fault where the arena leaves its planner almost no room.
    """

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._pool: ProcessPoolExecutor | None = None

    def works(self, arena_bytes: int) -> bool:
        """Whether the model starts; raises CheckError above `LARGEST_ARENA_BYTES`."""
        if arena_bytes > LARGEST_ARENA_BYTES:
            raise CheckError(f"TFLM must run a model in {LARGEST_ARENA_BYTES:,} bytes; this one does not start there")
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_leave_interrupts)
        try:
            return self._pool.submit(_starts, self._model, arena_bytes).result()
        except BrokenProcessPool:
            self._pool = None
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _starts(model: bytes, arena_bytes: int) -> bool:
    try:
        _open(model, arena_bytes)
    except CheckError:
        return False
    return True


def _leave_interrupts() -> None:
    """In a worker: Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _open(model: bytes, arena_bytes: int) -> Any:
    """An interpreter with its tensors in an arena of that size; raises CheckError with TFLM's message if it fails."""
    from tflite_micro import runtime

    with native_stderr_captured() as captured:
        try:
            return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        except RuntimeError as error:
            reason = " ".join(captured().split()) or str(error)
            rule = f"the model must run in a TFLM arena of {arena_bytes:,} bytes"
            raise CheckError(f"{rule}; TFLM said: {reason[:200]}") from error


def _ignore_progress(done: int, total: int) -> None:
    """For callers that need no progress."""


def predict(
    model: bytes,
    images: Int8s,
    *,
    arena_bytes: int,
    on_progress: ProgressSink = _ignore_progress,
    workers: int | None = None,
) -> Int8s:
    """int8 logits (N, classes) of quantized images (N, H, W, C), each run through TFLM in an arena of `arena_bytes`.

    Long splits go to worker processes (`workers`, default: one per CPU), since TFLM holds Python's lock while it runs.
    `on_progress(done, total)` is called about once per second. Raises CheckError when the arena is too small; TFLM may
    crash instead (see `measure_arena`, whose total is safe).
    """
    workers = workers or os.cpu_count() or 1
    interpreter = _open(model, arena_bytes)
    answers: list[Int8s] = []
    started = told = time.monotonic()
    for done, image in enumerate(images):
        now = time.monotonic()
        if now - told > CHUNK_SECONDS:
            told = now
            on_progress(done, len(images))
        if workers > 1 and done and now - started > PROBE_SECONDS:
            per_image = (now - started) / done
            if per_image * (len(images) - done) > PARALLEL_SECONDS:
                chunk = max(1, round(CHUNK_SECONDS / per_image))
                answers.extend(_predict_in_workers(model, images, done, chunk, arena_bytes, workers, on_progress))
                break
        answers.append(_infer(interpreter, image))
    on_progress(len(images), len(images))
    return np.concatenate(answers)


def _infer(interpreter: Any, image: Int8s) -> Int8s:
    """int8 logits (1, classes) of one image (H, W, C)."""
    interpreter.set_input(image[np.newaxis], 0)
    interpreter.invoke()
    return np.array(interpreter.get_output(0), np.int8)  # a copy: the runtime reuses its buffer


def _predict_in_workers(
    model: bytes, images: Int8s, start: int, chunk: int, arena_bytes: int, workers: int, tell: ProgressSink
) -> Iterator[Int8s]:
    """Logits of images[start:], chunk by chunk in order. Results are the same for any number of workers."""
    starts = range(start, len(images), chunk)
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(starts)),
        mp_context=get_context("spawn"),  # torch and tensorflow threads do not survive a fork
        initializer=_start_worker,
        initargs=(model, arena_bytes),
    )
    try:
        for begin, logits in zip(
            starts, pool.map(_predict_chunk, (images[at : at + chunk] for at in starts)), strict=True
        ):
            yield logits
            tell(begin + len(logits), len(images))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker_interpreter: Any = None


def _start_worker(model: bytes, arena_bytes: int) -> None:
    """In a worker: build the interpreter once."""
    global _worker_interpreter  # noqa: PLW0603
    _leave_interrupts()
    _worker_interpreter = _open(model, arena_bytes)


def _predict_chunk(images: Int8s) -> Int8s:
    return np.concatenate([_infer(_worker_interpreter, image) for image in images])
