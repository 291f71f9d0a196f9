"""`python -m agent` and the console script `kilosmith`."""

from __future__ import annotations

import signal
import sqlite3
import sys

import typer

from agent import exit_codes
from nas.errors import KilosmithError


def main() -> None:
    """Run a command and exit with its documented code; an expected error is one line on stderr."""
    sys.exit(run_command_line(sys.argv[1:]))


def run_command_line(arguments: list[str]) -> int:
    """The exit code of a command line; a bug is left to crash with its traceback (exit code 1)."""
    from agent.commands import build_app

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = build_app()(arguments, prog_name="kilosmith", standalone_mode=False)
    except KilosmithError as error:
        return _fail(exit_codes.exit_code_of(error), str(error))
    except typer.TyperException as error:
        return _fail(exit_codes.WRONG_INPUT, f"{error.format_message()} (see --help)")
    except (KeyboardInterrupt, typer.Abort):
        return _fail(exit_codes.INTERRUPTED, "interrupted")
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more: the interpreter must not complain about it at exit
        return exit_codes.DONE
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        return _fail(exit_codes.WRONG_INPUT, f"cannot use{place or ' a file'}: {error.strerror or error}")
    except sqlite3.OperationalError as error:
        return _fail(exit_codes.WRONG_INPUT, f"cannot write the run's checkpoints: {error}; free space or permissions")
    if code == exit_codes.INTERRUPTED:  # typer turns Ctrl-C into this code
        return _fail(exit_codes.INTERRUPTED, "interrupted")
    return code if isinstance(code, int) else exit_codes.DONE


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _fail(code: int, message: str) -> int:
    print(f"kilosmith: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
