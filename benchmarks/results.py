"""What every result states: when, with which commit and on which machine it was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(name: str, found: Mapping[str, Any], *, used: str = "one core") -> None:
    """Write and print a result, headed by date, commit and machine; `used`: how much of the machine was used."""
    head = {"date": time.strftime("%Y-%m-%d"), "commit": describe_commit(), "machine": f"{describe_machine()}, {used}"}
    text = json.dumps(head | dict(found), indent=2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(text + "\n")
    print(text)


def describe_commit() -> str:
    """The checkout's commit, with "-dirty" where tracked files differ from it; "unknown" outside a checkout."""
    try:
        commit = _ask_git("rev-parse", "--short", "HEAD")
        is_dirty = _ask_git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}-dirty" if is_dirty else commit


def _ask_git(*arguments: str) -> str:
    command = ["git", "-C", str(RESULTS.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def describe_machine() -> str:
    """CPU model, its cores, Python, and torch where the benchmark loaded it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    torch = sys.modules.get("torch")
    versions = [f"Python {platform.python_version()}", *([f"torch {torch.__version__}"] if torch else [])]
    return ", ".join((model, f"{os.cpu_count()} cores", *versions))
