"""Running `python -m agent` in a subprocess, the way a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A whole run in seconds: real digits, real training, real export, one epoch of everything.
FAST = (
    *("--set", "data.height=16", "--set", "data.width=16", "--set", "budget.macs_min=50000"),
    *("--set", "budget.macs_max=2000000", "--set", "budget.peak_sram_bytes=65536", "--set", "design.max_trials=2"),
    *("--set", "training.mini.epochs=2", "--set", "training.full.epochs=6", "--set", "training.full.warmup_epochs=1"),
    *("--set", "training.distill.epochs=2", "--set", "training.teacher.epochs=3"),
    *("--set", "training.teacher.warmup_epochs=1", "--set", "training.mini.warmup_epochs=1"),
)


def environment() -> dict[str, str]:
    """This process's environment, without colour and with the checkout first on the path."""
    return os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "160"}


def kilosmith(*arguments: str, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """The finished command."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        cwd=cwd,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def start_kilosmith(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """The command, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
