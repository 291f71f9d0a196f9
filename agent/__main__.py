"""`python -m agent` and the console script `kilosmith`."""

from __future__ import annotations

import sys

from agent.running.own_packages import describe_intruder

WRONG_INPUT = 2  # agent.exit_codes imports a package that may not be ours


def main() -> None:
    """Run a command and exit with its documented code; a foreign package in the way is one line on stderr."""
    intruder = describe_intruder()
    if intruder:
        print(f"kilosmith: {intruder}", file=sys.stderr)
        sys.exit(WRONG_INPUT)
    from agent.command_line import main as run_main  # late: only now is it known whose packages it imports

    run_main()


if __name__ == "__main__":
    main()
