"""What an export tells of itself once its folder is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from nas.events import Event


@dataclass(frozen=True, slots=True)
class Delivered(Event):
    """A candidate was delivered; `metrics` is the content of its metrics.json."""

    kind: ClassVar[str] = "delivered"
    candidate: str
    metrics: Mapping[str, Any]
