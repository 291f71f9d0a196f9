"""Where the beginning of a JSON text ends, and how far it may be continued before a mask must be asked again."""

from __future__ import annotations

import re
from copy import deepcopy

OPENERS = re.compile(rb'[\s"\[{]*')


class JsonCursor:
    """Reads JSON byte by byte.

    `is_in_scalar`: it ends within a number or word, which is complete only once something else follows.
    `is_done`: the text's one value is complete; what follows is not JSON.

    A mask narrows the next value for good, later ones only once everything before them is complete. So a
    continuation may run through the end of that value and over what JSON puts after it, up to the next decision: the
    beginning of another value, or whether an array continues.
    """

    def __init__(self, begun: bytes = b"") -> None:
        self.is_in_scalar = False
        self._open = ""  # the brackets that are open, outermost first
        self._wants_value = True
        self._is_key = False
        self._in_string = False
        self._is_escaped = False
        self.is_done = False
        self._has_ended = False  # a value has, since the mask was asked
        for character in begun.decode("latin-1"):
            self._read(character)
        self._has_ended = False

    def read_to_decision(self, text: bytes) -> int:
        """Advance over the bytes of `text` that come before the next decision; returns their number."""
        for place, character in enumerate(text.decode("latin-1")):  # one character per byte: JSON's own are ASCII
            if self._has_ended and self._is_decision(character):
                return place
            self._read(character)
        return len(text)

    def may_take(self, text: bytes) -> bool:
        """Whether `text` stops at the next decision, except for brackets and quotes that open what follows it."""
        length = deepcopy(self).read_to_decision(text)
        return OPENERS.fullmatch(text, length) is not None

    def _is_decision(self, character: str) -> bool:
        if self.is_done or self._in_string or character.isspace():
            return False
        return self._wants_value or (character in ",]" and self._open.endswith("["))

    def _read(self, character: str) -> None:
        if self.is_done:
            return
        if self._in_string:
            self._read_in_string(character)
        else:
            self._read_between_strings(character)

    def _read_in_string(self, character: str) -> None:
        if self._is_escaped:
            self._is_escaped = False
        elif character == "\\":
            self._is_escaped = True
        elif character == '"':
            self._in_string = False
            self._has_ended |= not self._is_key

    def _read_between_strings(self, character: str) -> None:
        if self.is_in_scalar and (character in ",}]" or character.isspace()):
            self.is_in_scalar = False
            self._has_ended = True
        match character:
            case '"':
                self._in_string, self._is_key, self._wants_value = True, not self._wants_value, False
            case "{" | "[":
                self._open += character
                self._wants_value = character == "["
            case "}" | "]":
                self._open = self._open[:-1]
                self._wants_value = False
                self.is_done = not self._open
                self._has_ended = True
            case ":":
                self._wants_value = True
            case ",":
                self._wants_value = self._open.endswith("[")
            case _ if not character.isspace():
                self.is_in_scalar, self._wants_value = True, False
