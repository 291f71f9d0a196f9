"""Where output goes: one JSON document on stdout when asked for, tables on stdout otherwise, messages on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages but errors.")]
RunsOption = Annotated[str, typer.Option("--runs", help="Folder of the runs.", metavar="DIR")]
RunArgument = Annotated[str, typer.Argument(help="A run id, a path, or `latest`.", metavar="RUN")]


PIPE_WIDTH = 2_000  # characters


class ReaderGoneError(Exception):
    """The reader of the results is gone. (By themselves, typer and rich would end with the exit code of a bug.)"""


def print_json(document: Any) -> None:
    """Write the document to stdout."""
    print_line(json.dumps(document, indent=1))


def print_line(text: str) -> None:
    """Write a line to stdout at once."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def result_console() -> Console:
    """The console for results, on stdout."""
    from rich.console import Console

    class ResultConsole(Console):
        def on_broken_pipe(self) -> None:
            raise ReaderGoneError

    # in a pipe each row is one line, so that grep and awk see it whole
    is_piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return ResultConsole(highlight=False, width=PIPE_WIDTH if is_piped else None)


def message_console() -> Console:
    """The console for progress and messages, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
