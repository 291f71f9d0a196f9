"""What a person sees while a run works: a transcript that grows, and below it, in a terminal, what happens now."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agent.transcript.narrator import Narrator
from agent.transcript.tables import build_front_table
from nas.events import Event, Progress
from nas.plain_text import plain
from nas.records.run_events import NodeFinished, NodeStarted
from nas.search.pareto import FrontMember
from nas.search.search_events import FrontChanged
from nas.training.phase_events import EpochFinished

_LINE_EVERY_SECONDS = 15.0  # without a terminal, a long phase reports now and then that it is alive


class Display:
    """Shows events on the given console (stderr); use it as a context manager."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._narrator = Narrator()
        self._live: Live | None = None
        self._front: tuple[FrontMember, ...] = ()
        self._progress: Progress | EpochFinished | None = None
        self._phase_started: tuple[tuple[str, str | None], float, int] = (("", None), 0.0, 0)
        self._last_line = time.monotonic()

    def __enter__(self) -> Display:
        self.resume()
        return self

    def resume(self) -> None:
        """Start the live view, where there is a terminal."""
        if self._console.is_terminal and not self._quiet:
            # drawn only by this thread, whenever an event changes it
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
        if isinstance(event, Progress | EpochFinished):
            self._show_progress(event)
        else:
            for line in self._narrator.tell(event):
                self._console.print(line, highlight=False)
        match event:
            case NodeStarted():
                self._progress = Progress(event.node, "working")
            case NodeFinished():
                self._progress = None
            case FrontChanged():
                self._front = event.front
        if self._live is not None:
            self._live.update(self._render(), refresh=True)

    def _show_progress(self, event: Progress | EpochFinished) -> None:
        key = (event.phase, event.candidate)
        if key != self._phase_started[0]:
            epoch = event.result.epoch if isinstance(event, EpochFinished) else 0
            self._phase_started = (key, time.monotonic(), epoch)
        self._progress = event
        alive = self._live is None and time.monotonic() - self._last_line > _LINE_EVERY_SECONDS
        if alive or (self._live is None and event.phase == "chat model"):
            self._last_line = time.monotonic()
            self._console.print(Text(f"  {self._describe_progress(event)}", style="dim"), highlight=False)

    def _describe_progress(self, event: Progress | EpochFinished) -> str:
        if isinstance(event, Progress):
            return f"{event.phase}: {plain(event.step)}" + (f" {event.done}/{event.total}" if event.total else "")
        result = event.result
        _, started, first = self._phase_started  # the clock starts when the first observed epoch is done
        text = (
            f"{event.phase} {event.candidate}: epoch {result.epoch}/{result.epochs}, loss {result.loss:.3f}, "
            f"validation {result.validation_accuracy:.2%}"
        )
        if result.epoch <= first:
            return text
        left = (time.monotonic() - started) / (result.epoch - first) * (result.epochs - result.epoch)
        return f"{text}, {left:.0f} s left"

    def _render(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._front:
            parts.append(build_front_table(self._front[:10]))
        if self._progress:
            done, total = _count(self._progress)
            row = Table.grid(padding=(0, 1))
            bar = ProgressBar(total=total, completed=done, width=24) if total else Text("...")
            row.add_row(bar, Text(self._describe_progress(self._progress)))
            parts.append(row)
        return Group(*parts)


def _count(event: Progress | EpochFinished) -> tuple[int, int]:
    """How much is done, of how much."""
    if isinstance(event, Progress):
        return event.done, event.total
    return event.result.epoch, event.result.epochs
