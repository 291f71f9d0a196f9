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

Record = Mapping[str, Any]

GENESIS = "0" * 32  # what the first line follows


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
        self._is_fresh_sitting = False

    def take(self, record: Record) -> int:
        """The number of the line's step; 0 before the first one."""
        kind, data = record["kind"], record["data"]
        if kind == "run_started":
            self._is_fresh_sitting = True
        elif kind == "node_started":
            node = (data["graph"], data["node"])
            if self._is_fresh_sitting and node == self._last:
                self._num_finished -= 1  # no node follows itself: the crash came before its checkpoint
            self._is_fresh_sitting = False
            self.number, self.node = self._num_finished + 1, ".".join(node)
        elif kind == "node_finished":
            self._num_finished += 1
            self._last = (data["graph"], data["node"])
        return self.number

    def __str__(self) -> str:
        return f"step {self.number} ({self.node})" if self.number else "the run's beginning"


@dataclass(slots=True)
class Step:
    """One step with the lines of the attempt that finished it. `sitting`: the latest `run_started` before it.

    `num_attempts` counts how often the node was started for it. `update` is what it changed of the graph's state.
    """

    number: int
    graph: str
    node: str
    sitting: Record
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
    def last_seq(self) -> int:
        """The number of the step's last line."""
        return int(self.records[-1]["seq"])

    def __str__(self) -> str:
        return f"step {self.number} ({self.graph}.{self.node}, line {self.records[0]['seq']} of the trace)"


def read_steps(records: Iterable[Record]) -> list[Step]:
    """The steps of a trace in order; the last one may be unfinished."""
    counter, steps, sitting = StepCounter(), [], {}  # type: ignore[var-annotated]
    for record in records:
        number = counter.take(record)
        kind, data = record["kind"], record["data"]
        if kind == "run_started":
            sitting = data
        elif kind == "node_started":
            attempts = steps.pop().num_attempts if len(steps) >= number else 0
            steps.append(Step(number, data["graph"], data["node"], sitting, attempts + 1, records=[record]))
        elif steps and not steps[-1].is_finished:
            steps[-1].records.append(record)
            steps[-1].is_finished = kind == "node_finished"
    return steps
