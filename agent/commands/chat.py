"""`chat`: a conversation about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption


def chat(
    context: typer.Context,
    run: RunArgument,
    llm: Annotated[
        str | None, typer.Option(help="Another chat model than the run's answers; see `models`.", metavar="SPEC")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(help="Where its server is.", metavar="URL")] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Talk about a run; questions and answers are kept with it. /help lists what else can be typed."""
    import sys

    from agent.terminal.chat_session import converse_in_pipe, converse_in_terminal
    from nas.records.run_store import RunStore

    store = RunStore.open(Path(runs), run)
    if sys.stdin.isatty() and not json:
        converse_in_terminal(store, context.obj, llm=llm, llm_url=llm_url, quiet=quiet)
    else:
        converse_in_pipe(store, llm=llm, llm_url=llm_url, json=json, quiet=quiet)
