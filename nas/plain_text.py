"""Text that others wrote (a language model, a data set's class names) made safe to show and to save."""

from __future__ import annotations

import re
import unicodedata

# whole escape sequences of terminals (ECMA-48): control sequences (CSI) and commands to the terminal (OSC)
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_UNSAFE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_MARKDOWN = re.compile(r"([\\`*\[\]<|~])")


def plain(text: object) -> str:
    """The text on one line without control characters, terminal escapes and reversals of direction."""
    shown = _ESCAPES.sub("", str(text))
    kept = (" " if character.isspace() else character for character in shown)
    return " ".join("".join(filter(_is_safe, kept)).split())


def plain_lines(text: str) -> str:
    """The same line by line: line ends stay."""
    return "\n".join(plain(line) for line in text.splitlines()).strip()


def plain_layout(text: str) -> str:
    """Lines whose spacing means something (a table drawn in characters), without what `plain` would take out."""
    kept = (character for character in _ESCAPES.sub("", text) if character == "\n" or _is_safe(character))
    return "".join(kept)


def _is_safe(character: str) -> bool:
    return unicodedata.category(character) not in _UNSAFE


def plain_markdown(text: object) -> str:
    """The text on one line, with everything escaped that would be markup inside a line of Markdown."""
    return _MARKDOWN.sub(r"\\\1", plain(text))
