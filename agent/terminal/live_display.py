"""What a person sees while a run works: a transcript that grows, and below it, in a terminal, what happens now."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.transcript.narrator import Narrator, build_front_table
from nas.events import Event
from nas.plain_text import plain
from nas.search.pareto import FrontMember

_LINE_EVERY_SECONDS = 15.0  # without a terminal a long phase says now and then that it is alive


class Display:
    """Shows events on the given console (stderr); use it as a context manager."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._narrator = Narrator()
        self._live: Live | None = None
        self._front: list[FrontMember] = []
        self._progress: dict[str, Any] = {}
        self._phase_started = (("", ""), 0.0, 0)
        self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self.resume()
        return self

    def resume(self) -> None:
        """Start the live view, where there is a terminal."""
        if self._console.is_terminal and not self._quiet:
            # drawn by this thread alone, whenever an event changes it
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Stop the live view, for example to ask a question; later events are still printed."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, event: Event) -> None:
        """Show one event."""
        if self._quiet:
            return
        if event.kind == "progress":
            self._show_progress(event.data)
        else:
            for line in self._narrator.tell(event):
                self._console.print(line, highlight=False)
        if event.kind == "node_started":
            self._progress = {"phase": event.data["node"], "step": "working"}
        elif event.kind == "node_finished":
            self._progress = {}
        elif event.kind == "front_changed":
            self._front = [FrontMember(**member) for member in event.data["front"]]
        if self._live is not None:
            self._live.update(self._render(), refresh=True)

    def _show_progress(self, data: dict[str, Any]) -> None:
        key = (str(data.get("phase")), str(data.get("candidate")))
        if key != self._phase_started[0]:
            self._phase_started = (key, time.monotonic(), data.get("epoch", 0))
        self._progress = data
        alive = self._live is None and time.monotonic() - self._last_line > _LINE_EVERY_SECONDS
        if alive or (self._live is None and data.get("phase") == "chat model"):
            self._last_line = time.monotonic()
            self._console.print(Text(f"  {self._describe_progress()}", style="dim"), highlight=False)

    def _describe_progress(self) -> str:
        data = self._progress
        if "epoch" in data:
            done, total = data["epoch"], data["epochs"]
            _, started, first = self._phase_started  # the clock starts when the first epoch seen is done
            left = (time.monotonic() - started) / (done - first) * (total - done) if done > first else None
            text = (
                f"{data['phase']} {data['candidate']}: epoch {done}/{total}, loss {data['loss']:.3f}, "
                f"validation {data['validation_accuracy']:.2%}"
            )
            return text + (f", {left:.0f} s left" if left is not None else "")
        step = plain(data.get("step", ""))
        return f"{data['phase']}: {step}" + (f" {data['done']}/{data['total']}" if data.get("total") else "")

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._front:
            parts.append(build_front_table(self._front[:10]))
        if self._progress:
            total = self._progress.get("epochs") or self._progress.get("total")
            done = self._progress.get("epoch") or self._progress.get("done") or 0
            row = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=total, completed=done, width=24) if total else Text("...")
            row.add_row(bar, Text(self._describe_progress()))
            parts.append(row)
        return Group(*parts)
