"""What a search reports: what a proposal was based on, how it was judged, and how the front changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nas.cost import BrokenLimit
from nas.events import Event
from nas.search.pareto import FrontMember
from nas.search.trial import TrialState


@dataclass(frozen=True, slots=True)
class FeedbackGiven(Event):
    """What the designer was told before a proposal: its parent, its aim, suggestions and rejections."""

    kind: ClassVar[str] = "feedback_given"
    candidate: str
    parent: str | None
    niche: str | None
    suggestions: tuple[str, ...]
    rejections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalJudged(Event):
    """A proposal was priced and compared with the limits; figures are None where it was not a network."""

    kind: ClassVar[str] = "judged"
    candidate: str
    state: TrialState
    reason: str
    violations: tuple[BrokenLimit, ...]
    macs: int | None
    params: int | None
    arena_bytes: int | None
    flash_bytes: int | None


@dataclass(frozen=True, slots=True)
class FrontChanged(Event):
    """The Pareto front after a training: its most accurate members, how many there are, and its hypervolume."""

    kind: ClassVar[str] = "front_changed"
    front: tuple[FrontMember, ...]
    size: int
    hypervolume: float
