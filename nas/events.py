"""What happens in a run, as data: the trace file, the live view and the replay all read the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `data` is JSON-safe; transient events (progress) are shown but never stored."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    transient: bool = False


EventSink = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """A sink for callers that want no events."""
