"""The state of the design loop: plain values, small however long the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import TypedDict  # what pydantic needs before Python 3.12


class DesignState(TypedDict):
    """What one step hands to the next; everything larger stays behind the workspace.

    drive: "guided" or "autonomous", "" before the designer was examined; number: proposals so far; num_answers: the
    chat model's answers so far; parent: the candidate the open proposal edits; calls: the tool calls of the last
    answer; dialogue: an autonomous designer's messages since it was asked for the open candidate; effort: what that
    took, as `Effort.to_dict` writes it; pending: legal candidates that wait for its choice; chosen: those to be
    trained; candidates: legal and about to be trained; rejections: the latest reasons, newest last.
    """

    drive: str
    number: int
    num_answers: int
    parent: str | None
    calls: list[dict[str, Any]]
    dialogue: list[dict[str, Any]]
    effort: dict[str, Any]
    pending: list[dict[str, Any]]
    chosen: list[str]
    candidates: list[dict[str, Any]]
    rejections: list[str]
    num_trained: int
    hypervolume: float
    winners: list[str]


@dataclass(frozen=True, slots=True)
class Effort:
    """What an autonomous designer has spent on a candidate; `number`: proposals before it.

    `answers`, tool `calls` and `tokens` are counted, `seconds` are those of the chat model; `length`: tokens of the
    conversation with the last answer; `full`: it grew longer than the model can read; `idle` counts answers in a row
    without a call; `unreadable` counts the unreadable calls of the last answer; `told`: messages already in the
    trace.
    """

    number: int
    seconds: float = 0.0
    full: bool = False
    answers: int = 0
    calls: int = 0
    tokens: int = 0
    length: int = 0
    idle: int = 0
    unreadable: int = 0
    told: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The plain form held in the state."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Effort:
        """The effort from its `to_dict` form."""
        return cls(**data)


def start_state() -> DesignState:
    """The state before the first proposal."""
    return DesignState(
        drive="",
        number=0,
        num_answers=0,
        parent=None,
        calls=[],
        dialogue=[],
        effort=Effort(0).to_dict(),
        pending=[],
        chosen=[],
        candidates=[],
        rejections=[],
        num_trained=0,
        hypervolume=0.0,
        winners=[],
    )
