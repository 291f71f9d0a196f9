"""What happens in a run, as data: the trace file, the live view and the replay all read the same events.

Each kind of event is a class of its own, in the package that reports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from nas.documents.json_records import JsonRecord


class Event(JsonRecord):
    """One thing that happened: a frozen dataclass whose fields are JSON-safe.

    `kind` names it in a trace, whose lines hold `to_dict()`. Transient events (progress) are shown but never stored.
    """

    __slots__ = ()
    kind: ClassVar[str]
    transient: ClassVar[bool] = False


EventSink = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """A sink for callers that want no events."""


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """A step of a phase that takes a while, with `done` of `total` where its end is known (else `total` is 0)."""

    kind: ClassVar[str] = "progress"
    transient: ClassVar[bool] = True
    phase: str
    step: str
    candidate: str | None = None
    done: int = 0
    total: int = 0
