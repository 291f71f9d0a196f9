"""The state of the delivery: plain values, small however many candidates are delivered."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # what pydantic needs before Python 3.12


class DeliveryState(TypedDict):
    """winners: candidates selected; approved: those that may be delivered; outcomes: candidate id -> phase -> plain
    figures, without the long ones (`CandidateOutcome.from_brief` reads them).

    drive and num_answers are the search's last: how the designer was driven, and how often it has answered.
    """

    winners: list[str]
    drive: str
    num_answers: int
    approved: list[str]
    outcomes: dict[str, dict[str, Any]]


def start_state(winners: list[str], drive: str, num_answers: int) -> DeliveryState:
    """The state before approval."""
    return DeliveryState(winners=winners, drive=drive, num_answers=num_answers, approved=[], outcomes={})
