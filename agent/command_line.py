"""A command line from its arguments to its exit code."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import TextIO

import typer

from agent import exit_codes
from agent.running.interruption import Interruption
from agent.terminal.output import ReaderGoneError
from nas.errors import KilosmithError


def main() -> None:
    """Run a command and exit with its documented code; an expected error is one line on stderr."""
    code = run_command_line(sys.argv[1:])
    if code == exit_codes.INTERRUPTED:
        # Otherwise the interpreter would kill itself with SIGINT if the signal came while native code ran Python code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run_command_line(arguments: list[str]) -> int:
    """The exit code of a command line; a bug is left to crash with its traceback (exit code 1)."""
    from agent.commands import build_app

    interruption = Interruption()
    signal.signal(signal.SIGINT, interruption.receive)
    signal.signal(signal.SIGTERM, interruption.receive)
    try:
        code = build_app()(arguments or ["--help"], prog_name="kilosmith", standalone_mode=False, obj=interruption)
    except ReaderGoneError:
        _silence(sys.stdout)
        return exit_codes.DONE
    except SystemExit as ending:  # typer has answered the shell's request for completions, or:
        if ending.code:  # typer and rich turn only a broken pipe into it: here, that of the messages
            _silence(sys.stderr)
        return exit_codes.INTERRUPTED if ending.code else exit_codes.DONE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # what is not expected is raised again below
        if interruption.received or isinstance(error, KeyboardInterrupt | typer.Abort):
            return _fail(exit_codes.INTERRUPTED, "interrupted")
        return _fail(*_describe_error(error))
    if code == exit_codes.INTERRUPTED:  # typer turns Ctrl-C into this code
        return _fail(exit_codes.INTERRUPTED, "interrupted")
    return code if isinstance(code, int) else exit_codes.DONE


def _silence(stream: TextIO) -> None:
    """Discard what the interpreter flushes into a broken pipe at exit, lest it fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _describe_error(error: BaseException) -> tuple[int, str]:
    """Exit code and line of an expected error; any other is raised again."""
    match error:
        case KilosmithError():
            return exit_codes.exit_code_of(error), str(error)
        case typer.TyperException():
            return exit_codes.WRONG_INPUT, f"{error.format_message()} (see --help)"
        case OSError():
            place = f" {error.filename}" if error.filename else " a file"
            return exit_codes.WRONG_INPUT, f"cannot use{place}: {error.strerror or error}"
        case sqlite3.Error():
            remedy = "free space or mend permissions, then resume"
            return exit_codes.WRONG_INPUT, f"cannot use the run's checkpoints.sqlite: {error}; {remedy}"
        case _:
            raise error


def _fail(code: int, message: str) -> int:
    print(f"kilosmith: {' '.join(message.split())}", file=sys.stderr)
    return code
