"""What README and docs promise: commands that exist, links that resolve, up-to-date help pages."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment
from documented_commands import COMMANDS, DOCUMENTS, ROOT
from help_pages import PAGE, render_help_pages
from typer.main import get_command

from agent.commands import build_app

MAX_IMAGE_BYTES = 300_000
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def test_documents_hold_commands() -> None:
    assert ("README.md", "python -m agent run") in COMMANDS
    assert len(COMMANDS) > 15


@pytest.mark.parametrize(("document", "line"), COMMANDS)
def test_documented_command_is_one_the_command_line_takes(document: str, line: str) -> None:
    words = shlex.split(line)
    arguments = words[3:] if words[0] == "python" else words[1:]
    root = get_command(build_app())
    if arguments[0].startswith("--"):
        assert any(arguments[0] in parameter.opts for parameter in root.params)
        return
    command = root.commands[arguments[0]]  # type: ignore[attr-defined]
    command.make_context(arguments[0], arguments[1:])  # raises for an unknown option, a missing argument, a wrong value


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_screenshots_are_small() -> None:
    images = list((ROOT / "docs" / "images").glob("*.png"))
    assert len(images) >= 5
    for image in images:
        assert image.stat().st_size < MAX_IMAGE_BYTES, image.name


def test_help_pages_are_those_of_the_command_line() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_help_pages(), "run: python -m tests.help_pages"


def test_shell_completion_knows_the_commands(tmp_path: Path) -> None:
    asked = {"_KILOSMITH_COMPLETE": "complete_bash", "COMP_WORDS": "kilosmith re", "COMP_CWORD": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "agent"],
        env=environment() | asked,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert result.stdout.split() == ["resume", "replay", "report"]


STATIONS = re.findall(r"^\d+\. `([\w/]+\.py):(\w+)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.M)


def test_both_walks_have_at_most_ten_stations() -> None:
    assert len(STATIONS) == 20


@pytest.mark.parametrize(("path", "function"), STATIONS)
def test_every_station_of_the_walks_is_a_function_of_its_file(path: str, function: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
