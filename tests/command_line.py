"""Runs `python -m agent` in this process, or in one of its own where signals, pipes or terminals are tested."""

from __future__ import annotations

import contextlib
import io
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch

from agent.command_line import run_command_line

ROOT = Path(__file__).resolve().parents[1]

# A whole run in seconds: real digits, real training, real export, one epoch of everything.
FAST = (
    *("--set", "data.height=16", "--set", "data.width=16", "--set", "budget.macs_min=50000"),
    *("--set", "budget.macs_max=2000000", "--set", "budget.peak_sram_bytes=65536", "--set", "design.max_trials=2"),
    *("--set", "training.mini.epochs=2", "--set", "training.full.epochs=6", "--set", "training.full.warmup_epochs=1"),
    *("--set", "training.distill.epochs=2", "--set", "training.teacher.epochs=3"),
    *("--set", "training.teacher.warmup_epochs=1", "--set", "training.mini.warmup_epochs=1"),
)
PATIENCE = 280  # seconds until a wait is given up, just before the test is; not a statement about speed
_PLAIN = {"NO_COLOR": "1", "COLUMNS": "160"}


def environment() -> dict[str, str]:
    """This process's environment, without colour and with the checkout first on the path."""
    return os.environ | _PLAIN | {"PYTHONPATH": str(ROOT)}


def kilosmith(
    *arguments: str, cwd: Path, stdin: str = "", variables: Mapping[str, str] = _PLAIN
) -> subprocess.CompletedProcess[str]:
    """The finished command, executed in this process; a bug raises instead of ending with exit code 1.

    `variables` of the environment: without colour and 160 columns wide, unless others are given.
    """
    stdout, stderr = _CapturedStream(), _CapturedStream()
    with (
        pytest.MonkeyPatch.context() as patch,
        _process_state_restored(),
        contextlib.redirect_stdout(stdout),
        contextlib.redirect_stderr(stderr),
    ):
        for name in (*_PLAIN, "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        # output must not depend on how long something takes
        patch.setattr("agent.terminal.live_display._LINE_EVERY_SECONDS", math.inf)
        patch.chdir(cwd)
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        code = run_command_line(list(arguments))
    return subprocess.CompletedProcess(arguments, code, stdout.text(), stderr.text())


def spawn_kilosmith(*arguments: str, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """The finished command, executed in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        cwd=cwd,
        env=environment(),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def start_kilosmith(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """The command in a process of its own, running."""
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class _CapturedStream(io.TextIOWrapper):
    """What a pipe would have received: a text stream with an encoding and without a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        written = self.buffer.getvalue()  # type: ignore[attr-defined]
        return bytes(written).decode("utf-8")


@contextlib.contextmanager
def _process_state_restored() -> Iterator[None]:
    """Restore what a command changes for the whole process: signal handlers and torch's number of threads."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    num_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)
        for number, handler in handlers.items():
            signal.signal(number, handler)
