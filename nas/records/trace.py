"""The trace as a chain: every line carries a digest over itself and the line before, and lines make up steps.

A step is one execution of a graph's node. Steps are numbered from 1 over the whole run, design and delivery together. A
node that an interruption cut short, or whose checkpoint it lost, runs again and keeps its number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.events import Event
from nas.records.run_events import NodeFinished, NodeStarted, RunStarted, ToolAnswered, ToolCalled
from nas.records.trace_line import Record, TraceLine
from nas.search.search_events import ProposalJudged

GENESIS = "0" * 32  # what the first line follows
_PRICES_OF_FORMAT_1 = (
    *((ToolCalled, "estimate_macs"), (ToolAnswered, "estimate_macs")),
    *((ToolCalled, "estimate_peak_sram"), (ToolAnswered, "estimate_peak_sram")),
)


def chain_digest(previous: str, record: Record) -> str:
    """32 hexadecimal digits that depend on the record (all of it but its own digest) and on every line before it."""
    content = {name: value for name, value in record.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()[:32]


class StepCounter:
    """Tells which step an event belongs to, event by event."""

    def __init__(self) -> None:
        self.number = 0  # of the step that runs or ran last
        self.node = ""
        self._num_finished = 0
        self._last = ("", "")
        self._is_fresh_session = False

    def take(self, event: Event) -> int:
        """The number of the event's step; 0 before the first one."""
        match event:
            case RunStarted():
                self._is_fresh_session = True
            case NodeStarted():
                node = (event.graph, event.node)
                if self._is_fresh_session and node == self._last:
                    self._num_finished -= 1  # no node follows itself: the crash came before its checkpoint
                self._is_fresh_session = False
                self.number, self.node = self._num_finished + 1, ".".join(node)
            case NodeFinished():
                self._num_finished += 1
                self._last = (event.graph, event.node)
        return self.number

    def __str__(self) -> str:
        return f"step {self.number} ({self.node})" if self.number else "the run's beginning"


@dataclass(slots=True)
class Step:
    """One step with the lines of the attempt that finished it. `session`: the latest `run_started` before it.

    `num_attempts` counts how often the node was started for it; `end` is set once it has finished.
    """

    number: int
    graph: str
    node: str
    session: RunStarted | None
    num_attempts: int = 0
    end: NodeFinished | None = None
    lines: list[TraceLine] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether its node finished."""
        return self.end is not None

    @property
    def update(self) -> Mapping[str, Any]:
        """What the node changed of its graph's state; empty while it is not finished."""
        return self.end.update if self.end else {}

    @property
    def seconds(self) -> float:
        """Wall time of the node; 0 while it is not finished."""
        return float(self.end.seconds) if self.end else 0.0

    @property
    def told(self) -> list[TraceLine]:
        """The step's lines in today's format."""
        is_old = self.session is None or self.session.format < 2
        return _leave_out_prices(self.lines) if is_old else self.lines

    @property
    def last_seq(self) -> int:
        """The number of the step's last line."""
        return self.lines[-1].seq

    def __str__(self) -> str:
        return f"step {self.number} ({self.graph}.{self.node}, line {self.lines[0].seq} of the trace)"


def read_steps(trace: Iterable[TraceLine]) -> list[Step]:
    """The steps of a trace in order; the last one may be unfinished."""
    counter, session = StepCounter(), None
    steps: list[Step] = []
    for line in trace:
        event, number = line.event, counter.take(line.event)
        if isinstance(event, RunStarted):
            session = event
        elif isinstance(event, NodeStarted):
            attempts = steps.pop().num_attempts if len(steps) >= number else 0
            steps.append(Step(number, event.graph, event.node, session, attempts + 1, lines=[line]))
        elif steps and not steps[-1].is_finished:
            steps[-1].lines.append(line)
            steps[-1].end = event if isinstance(event, NodeFinished) else None
    return steps


def _leave_out_prices(lines: list[TraceLine]) -> list[TraceLine]:
    """The lines without the calls that reported the prices of a proposal just before its judgement."""
    kept: list[TraceLine] = []
    for line in lines:
        if isinstance(line.event, ProposalJudged) and _name_calls(kept[-4:]) == _PRICES_OF_FORMAT_1:
            del kept[-4:]
        kept.append(line)
    return kept


def _name_calls(lines: list[TraceLine]) -> tuple[tuple[type[Event], str], ...]:
    return tuple(
        (type(line.event), line.event.tool if isinstance(line.event, ToolCalled | ToolAnswered) else "")
        for line in lines
    )
