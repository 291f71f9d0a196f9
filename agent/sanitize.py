"""Text that others wrote (a language model, a data set's class names) made safe to show in a terminal."""

from __future__ import annotations

import unicodedata


def plain(text: object) -> str:
    """The text without control characters and terminal escapes; tabs and line ends become spaces."""
    spaced = " ".join(str(text).split())
    return "".join(character for character in spaced if unicodedata.category(character) not in ("Cc", "Cf", "Cs"))
