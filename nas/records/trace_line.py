"""A line of a trace: an event with its number, its time and the digest that chains it to the line before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.documents.json_records import RecordError
from nas.errors import CheckError
from nas.events import Event
from nas.export.delivered import Delivered
from nas.records.explained import Explained
from nas.records.run_events import (
    ApprovalAnswered,
    CallsIgnored,
    DriveChosen,
    LlmAnswered,
    LlmFailed,
    LlmRequested,
    NodeFinished,
    NodeStarted,
    NodeWaiting,
    RecordsMended,
    RunFinished,
    RunForked,
    RunStarted,
    ToolAnswered,
    ToolCalled,
    ToolUnknown,
    TrackingFailed,
)
from nas.search.search_events import FeedbackGiven, FrontChanged, ProposalJudged
from nas.training.phase_events import PhaseFinished

Record = Mapping[str, Any]  # a line as parsed JSON

# 1: before a proposal was judged, its two prices were recorded as tool calls; 2: the judgement alone holds them
FORMAT = 2
_CLASSES: tuple[type[Event], ...] = (
    *(RunStarted, RunForked, RunFinished, RecordsMended, TrackingFailed),
    *(NodeStarted, NodeFinished, NodeWaiting, DriveChosen, ApprovalAnswered),
    *(LlmRequested, LlmAnswered, LlmFailed, ToolCalled, ToolAnswered, ToolUnknown, CallsIgnored),
    *(FeedbackGiven, ProposalJudged, FrontChanged, PhaseFinished, Explained, Delivered),
)
KINDS: Mapping[str, type[Event]] = {one.kind: one for one in _CLASSES}
_NEWER = "a newer kilosmith wrote it: install that one to read the run"


@dataclass(frozen=True, slots=True)
class TraceLine:
    """An event on record. `record` is the line as it was written, over which its digest was computed."""

    seq: int
    time: str
    event: Event
    digest: str
    record: Record


def read_line(record: Record) -> TraceLine:
    """The line of a record with seq, time, kind, data and digest.

    Raises CheckError for an unknown format or kind, and for data that does not have the fields of its kind.
    """
    number, kind, data = record["seq"], record["kind"], record["data"]
    where = f"line {number} of the trace"
    if not isinstance(record["time"], str) or not isinstance(data, dict):
        raise CheckError(f"{where} must have text as its time and an object as its data; restore the file")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise CheckError(f"{where} must be of a known kind; it is {repr(kind)[:80]}; {_NEWER}")
    if known is RunStarted and data.get("format", 1) not in range(1, FORMAT + 1):
        raise CheckError(f"{where} must name a format from 1 to {FORMAT}; got {repr(data['format'])[:80]}; {_NEWER}")
    try:
        event = known.from_dict(data)
    except RecordError as error:
        raise CheckError(f"{where} must hold a whole {kind}: {error}; restore the file") from error
    return TraceLine(number, record["time"], event, record["digest"], record)
