"""A conversation as plain values, as graph state and trace hold its messages, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

MAX_TEXT = 4_000  # characters kept of one answer, and of one call's arguments
NO_TEXT = "(no answer)"  # some servers reject an assistant turn without content
MAX_DEPTH = 16  # of arguments: the code that reads and writes the records walks them recursively

PlainMessage = dict[str, Any]


def to_plain(message: BaseMessage) -> PlainMessage:
    """The message's role, text and, where it has them, tool calls, the call it answers and the tool's name."""
    plain: PlainMessage = {"role": message.type, "content": str(message.text)}
    if isinstance(message, AIMessage) and message.tool_calls:
        plain["tool_calls"] = [
            {"name": call["name"], "args": call["args"], "id": call["id"]} for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        plain |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return plain


def from_plain(plain: Sequence[PlainMessage]) -> list[BaseMessage]:
    """The langchain messages."""
    return [_read(message) for message in plain]


def _read(plain: PlainMessage) -> BaseMessage:
    text = plain["content"]
    match plain["role"]:
        case "system":
            return SystemMessage(text)
        case "human":
            return HumanMessage(text)
        case "ai":
            return AIMessage(text, tool_calls=[{**call, "type": "tool_call"} for call in plain.get("tool_calls", ())])
        case "tool":
            return ToolMessage(text, tool_call_id=plain["tool_call_id"], name=plain["name"])
        case role:
            raise ValueError(f"a message's role must be system, human, ai or tool; got {role!r}")


def clean_text(text: str) -> str:
    """A chat model's text in storable form: Unicode without lone surrogates, at most MAX_TEXT characters."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def is_recordable(value: object) -> bool:
    """Whether a chat model's arguments can be recorded: finite 64-bit numbers, Unicode, short and shallow."""
    return _is_plain(value, MAX_DEPTH) and len(json.dumps(value)) <= MAX_TEXT


def _is_plain(value: object, depth: int) -> bool:
    match value:
        case dict():
            are_keys = all(isinstance(key, str) and _is_plain(key, 0) for key in value)
            return depth > 0 and are_keys and all(_is_plain(item, depth - 1) for item in value.values())
        case list():
            return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case float():
            return math.isfinite(value)
        case int():
            return -(2**63) <= value < 2**63
        case _:
            return value is None
