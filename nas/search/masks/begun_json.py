"""Reading compact JSON that is still being written: which parts of it are complete."""

from __future__ import annotations

import json
from typing import Any

_DECODER = json.JSONDecoder()


def complete_items(written: str, name: str) -> tuple[list[Any], str]:
    """The complete objects in the array `name` of an unfinished JSON object, and the text after the last of them.

    Both are empty while the array has not begun.
    """
    mark = f"{json.dumps(name)}:["
    start = written.find(mark)
    if start < 0:
        return [], ""
    items: list[Any] = []
    rest = written[start + len(mark) :]
    while rest.startswith("{"):
        try:
            item, end = _DECODER.raw_decode(rest)
        except ValueError:  # the last one is still being written
            break
        items.append(item)
        rest = rest[end:].removeprefix(",")
    return items, rest


def complete_members(begun: str) -> dict[str, Any]:
    """The members of an unfinished object whose values are complete: a number only when something follows it."""
    members: dict[str, Any] = {}
    rest = begun.removeprefix("{")
    while rest:
        try:
            key, end = _DECODER.raw_decode(rest)
            value, length = _DECODER.raw_decode(rest[end + 1 :])  # after the colon
        except ValueError:
            break
        rest = rest[end + 1 + length :]
        if not rest and not isinstance(value, bool | str):  # 16 may become 160
            break
        members[key] = value
        rest = rest[1:]
    return members
