"""Keeps what C++ libraries write to file descriptor 2 out of the user's terminal, and makes it available."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, TextIO, cast

_STDERR = 2


@contextlib.contextmanager
def native_stderr_captured() -> Iterator[Callable[[], str]]:
    """Yield a function that returns all that was written to file descriptor 2 since the block began.

    Python's own `sys.stderr` keeps reaching the terminal meanwhile (a live display keeps running), unless something
    else already replaced it. The descriptor belongs to the whole process: never enter this from two threads at once.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    terminal = os.dup(_STDERR)
    try:
        with tempfile.TemporaryFile() as sink, _python_stderr_on(terminal):
            os.dup2(sink.fileno(), _STDERR)
            try:
                yield lambda: _content(sink)
            finally:
                os.dup2(terminal, _STDERR)
    finally:
        os.close(terminal)


def _content(sink: IO[bytes]) -> str:
    sink.seek(0, os.SEEK_END)  # the descriptor shares its offset with the writers: always leave it at the end
    size = sink.tell()
    return os.pread(sink.fileno(), size, 0).decode(errors="replace")


@contextlib.contextmanager
def _python_stderr_on(descriptor: int) -> Iterator[None]:
    """`sys.stderr` writing to `descriptor` for the duration of the block, if it would write to descriptor 2."""
    before = sys.stderr
    if not _writes_to_stderr(before):
        yield
        return
    stream = cast(TextIO, open(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False))  # noqa: SIM115
    sys.stderr = stream
    try:
        yield
    finally:
        stream.flush()
        if sys.stderr is stream:
            sys.stderr = before


def _writes_to_stderr(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.fileno() == _STDERR
    except (OSError, ValueError, io.UnsupportedOperation):  # a stream without a descriptor, as in notebooks
        return False
