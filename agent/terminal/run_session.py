"""One session with a run: show it, carry it on, save the transcript, and say how to continue if interrupted."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.config import RunConfig
from agent.running.resources import prepare
from agent.running.runner import drive_run, open_run
from agent.running.tracking import Tracker
from agent.terminal.live_display import Display
from agent.terminal.output import message_console, print_json
from agent.transcript.saved_transcript import save_transcript
from nas.errors import KilosmithError, NoLegalCandidateError
from nas.events import Progress
from nas.plain_text import plain
from nas.records.run_store import RunStore


def carry_on(
    config: RunConfig,
    open_store: Callable[[Callable[[str], None]], RunStore],
    *,
    json: bool,
    quiet: bool,
    mended: Sequence[str] = (),
) -> None:
    """Carry a run to its end; whatever happens once it is open, its transcript is saved and it is released; at its end
    its report is written.

    `open_store` is given a function that reports what takes long. `mended` names records that a crash had torn.
    """
    console = message_console()
    with Display(console, quiet=quiet) as display:
        resources = prepare(config, display.show)

        def tell(step: str) -> None:
            display.show(Progress("opening", step))

        def ask(payload: Mapping[str, Any]) -> list[str]:
            return _ask(display, payload)

        with open_store(tell) as store:
            has_ended = False
            tracker = Tracker(config, store)
            try:
                run = open_run(config, resources, store, display.show, mended=mended, tracker=tracker)
                outcome = drive_run(run, ask)
                has_ended = True
            except (KeyboardInterrupt, KilosmithError, OSError, sqlite3.Error) as error:
                display.pause()
                has_ended = isinstance(error, NoLegalCandidateError)  # this one is final
                if not quiet and not has_ended:
                    console.print(f"run {store.run_id} is kept; continue with: kilosmith resume {store.folder}")
                raise
            finally:
                save_records(store, tracker, has_ended=has_ended)
    if json:
        print_json(outcome.to_dict())


def save_records(store: RunStore, tracker: Tracker, *, has_ended: bool) -> None:
    """Save the transcript, and the report if the run has ended; if it is tracked, pass them on."""
    try:
        save_transcript(store)
        if has_ended:
            from agent.report.saving import save_report  # late: the estimators, jinja

            save_report(store)
    except OSError as error:
        # a full disk must not hide the error that ended the run
        print(f"kilosmith: the transcript or the report could not be saved: {error}", file=sys.stderr)
    if failure := tracker.end(has_ended=has_ended):
        print(f"kilosmith: the run's files did not reach MLflow: {failure}", file=sys.stderr)


def _ask(display: Display, payload: Mapping[str, Any]) -> list[str]:
    """Ask in the terminal which candidates to deliver: the winners, others, or none."""
    display.pause()
    winners, trained = payload["winners"], payload["trained"]
    question = f"Deliver {', '.join(winners)}? [yes / no / other candidate ids, of {', '.join(trained)}] "
    while True:
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=sys.stderr)
            raise KeyboardInterrupt  # there is no one to answer: the run waits at this question
        chosen = read_approval(line, winners, trained)
        if chosen is not None:
            display.resume()
            return chosen
        print(f"{plain(line)!r} is neither yes, no nor trained candidate ids", file=sys.stderr)


def read_approval(line: str, winners: list[str], trained: list[str]) -> list[str] | None:
    """The candidates an answer approves, or None if it is not understood."""
    answer = line.strip().lower()
    if answer in ("", "y", "yes"):
        return list(winners)
    if answer in ("n", "no"):
        return []
    chosen = list(dict.fromkeys(answer.replace(",", " ").split()))
    return chosen if chosen and all(candidate in trained for candidate in chosen) else None
