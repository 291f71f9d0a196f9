from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from agent.running.interruption import Interruption, hold_interruptions


@pytest.fixture(autouse=True)
def own_handler() -> Iterator[None]:
    """Python's own handler, whatever earlier tests have left installed."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_waits_until_the_context_ends() -> None:
    done = []

    def work() -> None:
        with hold_interruptions():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_leaves_the_handler_as_it_was() -> None:
    with pytest.raises(ValueError, match="broken"), hold_interruptions():
        raise ValueError("broken")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_holds_nothing() -> None:
    handlers = []

    def look() -> None:
        with hold_interruptions():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]


def test_an_answered_interruption_is_forgotten() -> None:
    interruption = Interruption()
    with pytest.raises(KeyboardInterrupt):
        interruption.receive()
    assert interruption.received
    interruption.forget()
    assert not interruption.received
