from __future__ import annotations

import signal
import threading

import pytest

from agent.interruption import Interruption, hold_interruptions


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
