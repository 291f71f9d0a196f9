"""The help pages of all commands as docs/help.md; `python -m tests.help_pages` writes it, a test compares it."""

from __future__ import annotations

from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from agent.commands import build_app

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "help.md"
_HEAD = "# Help pages\n\nWhat `--help` prints, written by `python -m tests.help_pages`.\n"


def render_help_pages() -> str:
    """The Markdown of docs/help.md: the help of kilosmith and of every command, 80 characters wide."""
    app, runner = build_app(), CliRunner()
    names = list(get_command(app).commands)  # type: ignore[attr-defined]
    sections = [_HEAD]
    for name in ("", *names):
        title = f"kilosmith {name}".strip()
        arguments = [*([name] if name else []), "--help"]
        result = runner.invoke(app, arguments, prog_name="kilosmith", env={"COLUMNS": "80"}, terminal_width=80)
        text = "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())
        sections.append(f"## {title}\n\n```text\n{text}\n```\n")
    return "\n".join(sections)


if __name__ == "__main__":
    PAGE.write_text(render_help_pages(), encoding="utf-8")
