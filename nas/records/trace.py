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

from nas.errors import CheckError

Record = Mapping[str, Any]

GENESIS = "0" * 32  # what the first line follows
# 1: before a proposal was judged, its two prices were told as calls of tools; 2: the judgement alone tells them
FORMAT = 2
_PRICES_OF_FORMAT_1 = (
    *(("tool_called", "estimate_macs"), ("tool_answered", "estimate_macs")),
    *(("tool_called", "estimate_peak_sram"), ("tool_answered", "estimate_peak_sram")),
)


def chain_digest(previous: str, record: Record) -> str:
    """32 hexadecimal digits that depend on the record (all of it but its own digest) and on every line before it."""
    content = {name: value for name, value in record.items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()[:32]


class StepCounter:
    """Tells which step a line belongs to, line by line."""

    def __init__(self) -> None:
        self.number = 0  # of the step that runs or ran last
        self.node = ""
        self._num_finished = 0
        self._last = ("", "")
        self._is_fresh_session = False

    def take(self, record: Record) -> int:
        """The number of the line's step; 0 before the first one."""
        kind, data = record["kind"], record["data"]
        if kind == "run_started":
            self._is_fresh_session = True
        elif kind == "node_started":
            node = (data["graph"], data["node"])
            if self._is_fresh_session and node == self._last:
                self._num_finished -= 1  # no node follows itself: the crash came before its checkpoint
            self._is_fresh_session = False
            self.number, self.node = self._num_finished + 1, ".".join(node)
        elif kind == "node_finished":
            self._num_finished += 1
            self._last = (data["graph"], data["node"])
        return self.number

    def __str__(self) -> str:
        return f"step {self.number} ({self.node})" if self.number else "the run's beginning"


@dataclass(slots=True)
class Step:
    """One step with the lines of the attempt that finished it. `session`: the latest `run_started` before it.

    `num_attempts` counts how often the node was started for it. `update` is what it changed of the graph's state.
    """

    number: int
    graph: str
    node: str
    session: Record
    num_attempts: int = 0
    is_finished: bool = False
    records: list[Record] = field(default_factory=list)

    @property
    def update(self) -> dict[str, Any]:
        """What the node changed of its graph's state; empty while it is not finished."""
        return dict(self.records[-1]["data"]["update"]) if self.is_finished else {}

    @property
    def seconds(self) -> float:
        """Wall time of the node; 0 while it is not finished."""
        return float(self.records[-1]["data"]["seconds"]) if self.is_finished else 0.0

    @property
    def told(self) -> list[Record]:
        """The step's lines as today's format tells them."""
        return self.records if read_format(self.session) >= 2 else _leave_out_prices(self.records)

    @property
    def last_seq(self) -> int:
        """The number of the step's last line."""
        return int(self.records[-1]["seq"])

    def __str__(self) -> str:
        return f"step {self.number} ({self.graph}.{self.node}, line {self.records[0]['seq']} of the trace)"


def read_steps(records: Iterable[Record]) -> list[Step]:
    """The steps of a trace in order; the last one may be unfinished."""
    counter, steps, session = StepCounter(), [], {}  # type: ignore[var-annotated]
    for record in records:
        number = counter.take(record)
        kind, data = record["kind"], record["data"]
        if kind == "run_started":
            session = data
        elif kind == "node_started":
            attempts = steps.pop().num_attempts if len(steps) >= number else 0
            steps.append(Step(number, data["graph"], data["node"], session, attempts + 1, records=[record]))
        elif steps and not steps[-1].is_finished:
            steps[-1].records.append(record)
            steps[-1].is_finished = kind == "node_finished"
    return steps


def read_format(started: Mapping[str, Any]) -> int:
    """The format of the lines that follow a `run_started` with this data; raises CheckError for an unknown one."""
    number = started.get("format", 1)
    if number not in range(1, FORMAT + 1):
        raise CheckError(f"a trace must have format 1 to {FORMAT}; got {number!r}: a newer kilosmith wrote it")
    return int(number)


def _leave_out_prices(records: list[Record]) -> list[Record]:
    """The lines without the calls that told the prices of a proposal just before its judgement."""
    kept: list[Record] = []
    for record in records:
        if record["kind"] == "judged" and _name_calls(kept[-4:]) == _PRICES_OF_FORMAT_1:
            del kept[-4:]
        kept.append(record)
    return kept


def _name_calls(records: list[Record]) -> tuple[tuple[str, str], ...]:
    return tuple((record["kind"], record["data"].get("tool", "")) for record in records)
