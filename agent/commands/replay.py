"""`replay`: play a run's trace back, or run it again and compare it with its records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption

if TYPE_CHECKING:
    from nas.records.run_store import RunStore


def replay(
    run: RunArgument,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Run the graphs again from the recorded answers and compare every step."),
    ] = False,
    steps: Annotated[bool, typer.Option("--steps", help="List the steps instead of playing them.")] = False,
    speed: Annotated[
        float, typer.Option(help="How much faster than it happened; 0 plays without pauses.", min=0.0)
    ] = 0.0,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter after every step.")] = False,
    start: Annotated[int, typer.Option("--from", help="Begin at this step.", min=1, metavar="STEP")] = 1,
    until: Annotated[int | None, typer.Option("--to", help="End after this step.", min=1, metavar="STEP")] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only steps of this node, or that mention this candidate; may be repeated.", metavar="NAME"),
    ] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Play a run's trace back in the terminal, or verify it."""
    from agent.terminal.playback import Selection, list_steps, play, print_records
    from nas.records.run_store import RunStore

    store = RunStore.open(Path(runs), run)
    if verify:
        _verify(store, json=json, quiet=quiet)
        return
    selection = Selection(start, until, tuple(only or ()))
    if steps:
        list_steps(store, selection, json=json, quiet=quiet)
    elif json:
        print_records(store, selection)
    else:
        play(store, selection, speed=speed, pause=pause, quiet=quiet)


def _verify(store: RunStore, *, json: bool, quiet: bool) -> None:
    import tempfile

    from rich.text import Text

    from agent.running.reexecution import verify
    from agent.terminal.output import message_console, print_json, result_console
    from nas.records.run_store import RunStore as Store
    from nas.records.trace import Step

    console = message_console()

    def tell(step: Step) -> None:
        if not quiet and console.is_terminal:
            console.print(Text(f"  step {step.number}  {step.graph}.{step.node}", style="dim"), end="\r")

    with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder), "again", store.load_config()) as target:
        found = verify(store, target, tell)
    document = {
        "run": store.run_id,
        "verified": True,
        "steps": found.num_steps,
        "trials": found.num_trials,
        "is_finished": found.is_finished,
    }
    if json:
        print_json(document)
    elif not quiet:
        end = "" if found.is_finished else "; the run has not come to its end yet"
        result_console().print(
            f"verified {store.run_id}: {found.num_steps} steps and {found.num_trials} trials, executed again from the "
            f"recorded answers, agree with the records{end}"
        )
