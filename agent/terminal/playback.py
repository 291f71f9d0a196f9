"""A trace played back: a selection of its steps, at a chosen speed, step by step, or as a list."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agent.terminal.output import print_json, result_console
from agent.transcript.hanging_text import HangingText
from agent.transcript.narrator import Narrator
from nas.errors import SettingError
from nas.records.run_events import NodeStarted
from nas.records.run_store import RunStore
from nas.records.trace import StepCounter, read_steps
from nas.records.trace_line import TraceLine

_LONGEST_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which steps: `start` to `until` (both inclusive), and of these, unless `only` is empty, those it names.

    `only` holds names of nodes ("screen"), and candidate ids, which select every step whose records mention them.
    """

    start: int = 1
    until: int | None = None
    only: tuple[str, ...] = ()

    def check(self, num_steps: int) -> None:
        """Raise SettingError for a step that the run does not have."""
        for name, number in (("--from", self.start), ("--to", self.until)):
            if number is not None and number > max(1, num_steps):
                raise SettingError(f"{name} must be a step of the run, 1 to {num_steps}; got {number}")
        if self.until is not None and self.until < self.start:
            raise SettingError(f"--to must not come before --from; got {self.until} and {self.start}")

    def takes_number(self, number: int) -> bool:
        """Whether the step lies in the range; what precedes the first step belongs to it."""
        return max(1, number) >= self.start and (self.until is None or number <= self.until)

    def takes_node(self, node: str, text: str) -> bool:
        """Whether the filter lets a step of this node with this text (its records) through."""
        return not self.only or any(name == node or f'"{name}"' in text for name in self.only)


def load_selected(store: RunStore, selection: Selection) -> list[tuple[int, TraceLine]]:
    """(step, line) of every selected line; raises SettingError for an empty trace or a selection outside it."""
    lines = list(store.load_trace())
    if not lines:
        raise SettingError(f"replay needs a trace; {store.folder}/trace.jsonl is missing or empty; resume the run")
    counter = StepCounter()
    numbered = [(counter.take(line.event), line) for line in lines]
    selection.check(counter.number)
    texts: dict[int, str] = {}
    nodes: dict[int, str] = {}
    for number, line in numbered:
        if isinstance(line.event, NodeStarted):
            nodes[number] = line.event.node
        texts[number] = texts.get(number, "") + json.dumps(line.record["data"])
    chosen = {number for number in texts if selection.takes_node(nodes.get(number, ""), texts[number])}
    if not chosen:
        names = ", ".join(dict.fromkeys(nodes.values()))
        raise SettingError(
            f"--only must name nodes ({names}) or candidates of the run; got {', '.join(selection.only)}"
        )
    return [pair for pair in numbered if pair[0] in chosen and selection.takes_number(pair[0])]


def play(store: RunStore, selection: Selection, *, speed: float, pause: bool, quiet: bool) -> None:
    """Print the selected steps as they were printed when they happened."""
    console, narrator = result_console(), Narrator()
    selected = load_selected(store, selection)
    before, step = _time_of(selected[0][1]) if selected else None, 0
    for number, told in selected:
        now = _time_of(told)
        if speed and now is not None and before is not None:
            time.sleep(min((now - before).total_seconds() / speed, _LONGEST_PAUSE_SECONDS))
        before = now
        if pause and step and number != step:
            _wait(step)
        step = number
        if not quiet:
            for line in narrator.tell(told.event):
                console.print(_numbered(number, line))


def _numbered(number: int, line: RenderableType) -> RenderableType:
    """A line of the transcript, preceded by the number of its step."""
    label = Text.assemble((f"{number:>5} ", "dim"))
    if number and isinstance(line, HangingText):
        return line.behind(label)
    return label + line if number and isinstance(line, Text) and line.plain else line


def _time_of(line: TraceLine) -> datetime | None:
    return datetime.fromisoformat(line.time) if line.time else None


def _wait(step: int) -> None:
    print(f"-- step {step}; Enter goes on, Ctrl-C ends --", end="", file=sys.stderr, flush=True)
    if not sys.stdin.readline():
        raise KeyboardInterrupt
    if not sys.stdin.isatty():
        print(file=sys.stderr)


def print_records(store: RunStore, selection: Selection) -> None:
    """The selected lines of the trace as one JSON document, each with its step."""
    print_json([{"step": number, **line.record} for number, line in load_selected(store, selection)])


def list_steps(store: RunStore, selection: Selection, *, json: bool, quiet: bool) -> None:
    """The selected steps with node, first line, attempts and duration: what --from and `resume --from` take."""
    wanted = {number for number, _ in load_selected(store, selection)}
    rows = [dict(row) for row in _describe(store) if row["step"] in wanted]
    if json:
        print_json(rows)
        return
    table = Table()
    for name, justify in (("step", "right"), ("node", "left"), ("line", "right"), ("seconds", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("what it did")
    for row in rows:
        again = f" (attempt {row['attempts']})" if row["attempts"] > 1 else ""
        seconds = f"{row['seconds']:.1f}" if row["is_finished"] else "unfinished"
        table.add_row(str(row["step"]), row["node"] + again, str(row["line"]), seconds, Text(row["about"]))
    if not quiet:
        result_console().print(table)


def _describe(store: RunStore) -> Iterator[dict[str, Any]]:
    narrator = Narrator()
    for step in read_steps(store.load_trace()):
        lines = [line for recorded in step.lines for line in narrator.tell(recorded.event)]
        told = [words for line in lines if isinstance(line, Text | HangingText) and (words := str(line).strip())]
        yield {
            "step": step.number,
            "node": f"{step.graph}.{step.node}",
            "line": step.lines[0].seq,
            "attempts": step.num_attempts,
            "seconds": step.seconds,
            "is_finished": step.is_finished,
            "about": told[0][:100] if told else "",
        }
