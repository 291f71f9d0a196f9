"""How a tool call is spelled in a model's answer: our own compact JSON, or what the model's chat template writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PROBE_NAME = "probe_tool"
PROBE_ARGUMENTS = {"first": 1, "second": ["x", 2]}
PROBE_ID = "probe0001"  # nine letters and digits: what the strictest templates accept
# Jinja's tojson puts spaces after the separators; templates that write JSON themselves put none
SEPARATORS = ((", ", ": "), (",", ":"))


@dataclass(frozen=True, slots=True)
class CallFormat:
    """A call is `opening` NAME `between` ARGUMENTS `closing`, the arguments JSON with these separators."""

    opening: str
    between: str
    closing: str
    item_separator: str = ","
    key_separator: str = ":"

    @property
    def sign(self) -> str:
        """The beginning that distinguishes a call from a text: a mark such as <tool_call>, or an object's first key."""
        found = re.match(r'\{\s*"\w+"|[^\s{]+', self.opening)
        return found.group() if found else ""

    @property
    def may_follow_text(self) -> bool:
        """Whether a call can be recognized in the middle of a text: a mark can, a bracket may occur in any text."""
        return not self.sign.startswith("{")

    def head(self, name: str) -> str:
        """The call up to its arguments."""
        return f"{self.opening}{name}{self.between}"

    def write(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The whole call."""
        return self.head(name) + self._dump(arguments) + self.closing

    def _dump(self, arguments: Mapping[str, Any]) -> str:
        return json.dumps(arguments, separators=(self.item_separator, self.key_separator))


COMPACT = CallFormat('{"name":"', '","arguments":', "}")


def read_call_format(answer: str, ends: Iterable[str]) -> CallFormat | None:
    """The format of `answer`, an assistant's turn that calls the probe; None if it cannot be recognized.

    `ends` are the texts of the tokens that end a turn: one of them must follow the call.
    """
    for item_separator, key_separator in SEPARATORS:
        arguments = json.dumps(PROBE_ARGUMENTS, separators=(item_separator, key_separator))
        head, found, rest = answer.partition(arguments)
        opening, named, between = head.partition(PROBE_NAME)
        places = [rest.index(end) for end in ends if end in rest]
        if not (found and named and places):
            continue
        spelled = CallFormat(opening, between, rest[: min(places)], item_separator, key_separator)
        is_sound = spelled.sign and PROBE_NAME not in between and PROBE_ID not in head + spelled.closing
        return spelled if is_sound else None
    return None


_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*+"?)|\s+', re.DOTALL)


def compact_json(text: str) -> str:
    """A JSON text, or the beginning of one, without whitespace outside its strings."""
    return _STRING_OR_SPACE.sub(lambda found: found[1] or "", text)
