"""Where output goes: colours only in a terminal that wants them, whole rows in a pipe, a reader that exits early."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PATIENCE, ROOT, kilosmith

from nas.records.run_store import RunStore

ESCAPE = "\x1b["


def run(*arguments: str, store: RunStore) -> subprocess.CompletedProcess[str]:
    """The command in this process with a plain environment, its output no terminal."""
    return kilosmith(*arguments, "--runs", str(store.folder.parent), cwd=store.folder, variables={})


def run_in_pipe(*arguments: str, store: RunStore, reader: str) -> subprocess.CompletedProcess[str]:
    """The command in a pipe of bash, with a plain environment; `reader`: what reads it."""
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")}
    command = f"{sys.executable} -m agent {shlex.join(arguments)} --runs {store.folder.parent} | {reader}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=store.folder,
        env=plain | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def read_terminal(*arguments: str, store: RunStore, **variables: str) -> str:
    """What the command writes to a pseudo-terminal."""
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    environment = plain | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "120", **variables}
    main, side = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "agent", *arguments, "--runs", str(store.folder.parent)],
        cwd=store.folder,
        env=environment,
        stdin=side,
        stdout=side,
        stderr=side,
    ):
        os.close(side)
        written = b""
        while True:
            try:
                part = os.read(main, 65_536)
            except OSError:  # the other end has closed
                break
            if not part:
                break
            written += part
    os.close(main)
    return written.decode("utf-8", "replace")


COMMANDS = [("front", "example"), ("trials", "example"), ("replay", "example"), ("ask", "example", "why c011")]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_pipe_gets_no_colours(arguments: tuple[str, ...], example_copy: RunStore) -> None:
    done = run(*arguments, store=example_copy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert ESCAPE not in done.stdout + done.stderr


def test_a_row_of_a_table_is_a_line_of_a_pipe(example_copy: RunStore) -> None:
    done = run_in_pipe("trials", "example", store=example_copy, reader="grep c007")
    (line,) = done.stdout.splitlines()
    assert "rejected" in line
    assert "peak SRAM" in line
    assert "MACs" in line


def test_a_json_document_stands_alone_on_stdout(example_copy: RunStore) -> None:
    for arguments in (*COMMANDS[:2], COMMANDS[3]):
        json.loads(run(*arguments, "--json", store=example_copy).stdout)
    # including what native code writes to the descriptor
    json.loads(run_in_pipe(*COMMANDS[3], "--json", store=example_copy, reader="cat").stdout)


@pytest.mark.parametrize("arguments", [*COMMANDS[:3], ("trials", "example", "--json")], ids=" ".join)
def test_a_reader_that_leaves_early_ends_the_command_quietly(
    arguments: tuple[str, ...], example_copy: RunStore
) -> None:
    done = run_in_pipe(
        *arguments, store=example_copy, reader="true"
    )  # bash returns the failing command's code, if any fails
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_no_color_turns_colours_off_in_a_terminal(example_copy: RunStore) -> None:
    assert "\x1b[3" in read_terminal("replay", "example", store=example_copy)  # sets a foreground colour
    written = read_terminal("replay", "example", store=example_copy, NO_COLOR="1")
    assert "c011" in written
    parts = (part.split("m", 1)[0] for part in written.split(ESCAPE)[1:] if "m" in part[:12])
    codes = {code for part in parts for code in part.split(";")}
    assert codes <= {"", "0", "1", "2", "3", "4"}  # bold, dim and italic stay, colours do not


def test_completion_is_quick_and_knows_options(tmp_path: Path) -> None:
    asked = {"_KILOSMITH_COMPLETE": "complete_bash", "COMP_WORDS": "kilosmith run --wor", "COMP_CWORD": "2"}
    probe = (
        "import sys; sys.argv = ['kilosmith']; from agent.command_line import run_command_line; run_command_line([]);"
    )
    probe += "print(*[name for name in ('torch', 'tensorflow', 'transformers', 'langgraph') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["--workers"]
