"""The commands in README and docs: our own, and those of other programs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"])
_FENCE = re.compile(r"^```(?:sh|text)?\n(.*?)^```", re.M | re.S)
_SHELL_FENCE = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)
_INLINE = re.compile(r"`(kilosmith [a-z-][^`]*)`")
_OTHER_INLINE = re.compile(r"`((?:python|pip|pytest|langgraph|make|cmake) [^`]*)`")
_COMMENT = re.compile(r"\s+#\s.*")
_OURS = ("kilosmith ", "python -m agent ")


def find_commands(document: Path) -> list[str]:
    """Our own command lines in its code blocks and prose, without comments, each part of a pipe separately."""
    text = document.read_text(encoding="utf-8")
    blocks, prose = _FENCE.findall(text), _INLINE.findall(_FENCE.sub("", text))
    return [command for command in _split(blocks, prose) if command.startswith(_OURS)]


def find_other_commands(document: Path) -> list[str]:
    """The commands of other programs in its shell blocks and prose, the benchmarks among them."""
    text = document.read_text(encoding="utf-8")
    blocks, prose = _SHELL_FENCE.findall(text), _OTHER_INLINE.findall(_FENCE.sub("", text))
    return [command for command in _split(blocks, prose) if not command.startswith(_OURS)]


def find_synopses() -> list[str]:
    """The table of docs/commands.md, every option given: `kilosmith sample --count N --seed S --feasible`."""
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    forms = [re.sub(r"[][]", "", form) for cell in cells for form in re.findall(r"`([^`]+)`", cell)]
    return [f"kilosmith {form}" for form in forms]


def _split(blocks: list[str], prose: list[str]) -> list[str]:
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [" ".join(command.split()) for command in prose]  # in prose a command may span two lines
    parts = [part for line in lines for part in re.split(r"&&|\|", _COMMENT.sub("", line))]
    return [part.strip().removeprefix("$ ") for part in parts if part.strip()]


def _gather(find: Callable[[Path], list[str]]) -> list[tuple[str, str]]:
    return sorted({(str(path.relative_to(ROOT)), line) for path in DOCUMENTS for line in find(path)})


# pairs of a document and a command in it
COMMANDS = _gather(find_commands)
OTHER_COMMANDS = _gather(find_other_commands)
