"""Ctrl-C: remembered where it may be mistaken for an error, and held back where it would leave something half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Interruption:
    """Remembers a signal: native modules interrupted while they load turn it into errors of their own."""

    received: bool = False

    def receive(self, *_: object) -> None:
        """Handle SIGINT and SIGTERM."""
        self.received = True
        raise KeyboardInterrupt

    def forget(self) -> None:
        """Forget the signal: it has been handled."""
        self.received = False


@contextmanager
def hold_interruptions() -> Iterator[None]:
    """Let SIGINT wait until the context ends: a module that is interrupted while it loads can never be loaded again."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
