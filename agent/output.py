"""Where output goes: one JSON document on stdout when asked for, tables on stdout otherwise, messages on stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages but errors.")]
RunsOption = Annotated[str, typer.Option("--runs", help="Folder of the runs.", metavar="DIR")]
RunArgument = Annotated[str, typer.Argument(help="A run id, a path, or `latest`.", metavar="RUN")]


def print_json(document: Any) -> None:
    """Write the document to stdout."""
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


def result_console() -> Console:
    """The console for results, on stdout."""
    from rich.console import Console

    class ResultConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would hide which stream broke and end with the exit code of a bug

    return ResultConsole(highlight=False)


def message_console() -> Console:
    """The console for progress and messages, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
