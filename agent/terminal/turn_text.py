"""How questions and answers about a run are shown, and how a person is asked before anything is trained."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from agent.transcript.hanging_text import HangingText
from nas.plain_text import plain, plain_lines
from nas.quantities import CONSTRAINT_NAMES

if TYPE_CHECKING:
    from graphs.inquiry.state import Turn

_TELLING_THEMSELVES = ("candidate_id", "first", "second")  # arguments whose values, being ids, need no name


def print_turn(console: Console, turn: Turn) -> None:
    """Print the answer as plain text (no markup or escape in it has any effect), then where it comes from."""
    for line in plain_lines(turn["answer"]).split("\n"):
        console.print(HangingText(Text(line), 2) if line.startswith("- ") else Text(line))
    if turn["note"]:
        console.print(Text(f"({plain(turn['note'])})", style="dim"))
    if turn["calls"]:
        console.print(Text(f"[from {'; '.join(_format_call(call) for call in turn['calls'])}]", style="dim"))


def _format_call(call: Mapping[str, Any]) -> str:
    """`the tool rank_candidates: by params, lowest`."""
    args = ", ".join(plain(_format_argument(name, value)) for name, value in call["args"].items())
    return f"the tool {plain(call['tool'])}{': ' if args else ''}{args}"[:200]


def _format_argument(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"stage {e['stage']} {e['field']} = {e['value']}" for e in value if isinstance(e, dict))
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return str(value) if name in _TELLING_THEMSELVES else f"{name} {value}"


def describe_request(asked: Mapping[str, Any]) -> str:
    """What a training that awaits confirmation would do."""
    seconds = asked["seconds"]
    about = f", about {seconds:,.0f} s" if seconds is not None else ""
    broken = ", ".join(CONSTRAINT_NAMES[name] for name in asked["breaks"])
    warning = f"; it breaks the limit of {broken}" if broken else ""
    return f"Train {asked['candidate']} with {asked['edits']} for {asked['epochs']} epochs{about}{warning}?"


def ask_person(asked: Mapping[str, Any]) -> bool:
    """Whether the person at the terminal confirms; anything but yes means no."""
    print(f"{plain(describe_request(asked))} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
