"""The state of one question: plain values."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict  # what pydantic needs before Python 3.12

Mode = Literal["router", "model"]


class Turn(TypedDict):
    """One question with its answer, as the run keeps it.

    calls: the tools that spoke, with arguments and texts; is_declined: nothing on record answers it; by: who chose the
    tools; note: what was wrong with the chat model's own words, if they were not kept.
    """

    time: str
    question: str
    answer: str
    calls: list[dict[str, Any]]
    is_declined: bool
    by: str
    note: str


class InquiryState(TypedDict):
    """question, and history: earlier turns, oldest first; messages: the chat model's conversation about the question.

    pending: tool calls to be made; calls: those that were, with their texts; num_answers: the chat model's;
    num_complaints: how often it was told that no tool supports what it said.
    """

    question: str
    history: list[dict[str, Any]]
    mode: Mode
    messages: list[dict[str, Any]]
    pending: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    num_answers: int
    num_complaints: int
    said: str
    answer: str
    is_declined: bool
    note: str


def start_inquiry(question: str, history: list[dict[str, Any]], mode: Mode) -> InquiryState:
    """The state of a question before anything has been done about it."""
    return InquiryState(
        question=question,
        history=history,
        mode=mode,
        messages=[],
        pending=[],
        calls=[],
        num_answers=0,
        num_complaints=0,
        said="",
        answer="",
        is_declined=False,
        note="",
    )
