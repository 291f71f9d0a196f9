"""What an export reports once its folder is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nas.events import Event
from nas.export.metrics import DeliveryMetrics


@dataclass(frozen=True, slots=True)
class Delivered(Event):
    """A candidate was delivered; `metrics` is the content of its metrics.json."""

    kind: ClassVar[str] = "delivered"
    candidate: str
    metrics: DeliveryMetrics
