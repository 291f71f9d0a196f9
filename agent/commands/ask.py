"""`ask`: one question about a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption


def ask(
    run: RunArgument,
    question: Annotated[str, typer.Argument(help="What you want to know.", metavar='"QUESTION"')],
    llm: Annotated[
        str | None, typer.Option(help="Another chat model than the run's answers; see `models`.", metavar="SPEC")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(help="Where its server is.", metavar="URL")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm a training that the question asks for.")] = False,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask one question about a run: why, why not, what if, how sure; answered from its records and estimators."""
    import sys

    from agent.running.inquiry import open_inquiry
    from agent.terminal.live_display import Display
    from agent.terminal.output import message_console, print_json, result_console
    from agent.terminal.turn_text import ask_person, print_turn
    from nas.records.run_store import RunStore

    store = RunStore.open(Path(runs), run)
    with Display(message_console(), quiet=quiet) as display:

        def confirm(asked: Mapping[str, Any]) -> bool:
            display.pause()
            return yes or (sys.stdin.isatty() and ask_person(asked))

        inquiry = open_inquiry(store, llm=llm, llm_url=llm_url, confirm=confirm, show=display.show)
        turn = inquiry.ask(question)
    if json:
        print_json(turn)
    elif not quiet:
        print_turn(result_console(), turn)
