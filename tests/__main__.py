"""The test command, `python -m tests`: lint, format, types, layers, then pytest; arguments go to pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

CHECKS = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("mypy", [sys.executable, "-m", "mypy"]),
    ("import-linter", ["lint-imports"]),
)
# A file's tests share costly fixtures, so that they stay in one process; -n 0 after these runs all in this one.
# Reordered, the files of few tests would come last, and those are the longest.
OPTIONS = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--durations=15")


def main() -> int:
    """Run every check; the exit code is 0 only if all passed."""
    # the tests' networks are so small that a second thread costs more than it gains
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    root = Path(__file__).resolve().parent.parent
    scripts = Path(sys.executable).parent
    failed = []
    pytest = [sys.executable, "-m", "pytest", *OPTIONS, *sys.argv[1:]]
    for name, command in (*CHECKS, ("pytest", pytest)):
        started = time.monotonic()
        program = scripts / command[0]
        full = [str(program) if program.exists() else command[0], *command[1:]]
        print(f"== {name}", flush=True)
        if subprocess.run(full, cwd=root, check=False).returncode:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
