"""`replay`: play a run's trace back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from agent.output import JsonOption, QuietOption, RunArgument, RunsOption, print_json, result_console

_LONGEST_PAUSE_SECONDS = 2.0


def replay(
    run: RunArgument,
    speed: Annotated[
        float, typer.Option(help="How much faster than it happened; 0 plays without pauses.", min=0.0)
    ] = 0.0,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Play a run's trace back in the terminal."""
    from datetime import datetime

    from agent.narration import Narrator
    from nas.errors import SettingError
    from nas.events import Event
    from nas.store import RunStore

    store = RunStore.open(Path(runs), run)
    records = list(store.load_trace())
    if not records:
        raise SettingError(f"replay needs a trace; {store.folder}/trace.jsonl is missing or empty; resume the run")
    if json:
        print_json(records)
        return
    console, narrator = result_console(), Narrator()
    before = datetime.fromisoformat(records[0]["time"])
    for record in records:
        now = datetime.fromisoformat(record["time"])
        if speed:
            time.sleep(min((now - before).total_seconds() / speed, _LONGEST_PAUSE_SECONDS))
        before = now
        if not quiet:
            for line in narrator.tell(Event(record["kind"], record["data"])):
                console.print(line)
