"""A conversation as the turns of a chat template, whether or not it knows tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from agent.chat_models.call_format import COMPACT
from nas.errors import SettingError


def write_turns(messages: Sequence[BaseMessage], note: str = "") -> list[dict[str, Any]]:
    """The turns (role, content) for a template without tools: calls as compact JSON, results as user turns.

    Consecutive messages of one role become one turn. `note` ends the system turn.
    """
    turns: list[dict[str, Any]] = []
    names = _called_names(messages)
    for message in messages:
        if isinstance(message, AIMessage):
            texts = [_said(message), *(COMPACT.write(call["name"], call["args"]) for call in message.tool_calls)]
            _append(turns, "assistant", "\n".join(filter(None, texts)))
        elif isinstance(message, ToolMessage):
            tool = message.name or names.get(message.tool_call_id, "the tool")
            _append(turns, "user", f"Result of {tool}: {message.text}")
        else:
            _append(turns, _role(message), str(message.text))
    if not note:
        return turns
    if turns and turns[0]["role"] == "system":
        turns[0]["content"] += "\n" + note
        return turns
    return [{"role": "system", "content": note}, *turns]


def write_tool_turns(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The turns for a template that knows tools: calls and results in the roles and fields it reads."""
    turns: list[dict[str, Any]] = []
    names = _called_names(messages)
    for message in messages:
        if isinstance(message, AIMessage) and message.tool_calls:
            calls = [
                write_call_field(call["name"], call["args"], call["id"] or f"call_{number}")
                for number, call in enumerate(message.tool_calls)
            ]
            turns.append({"role": "assistant", "content": _said(message), "tool_calls": calls})
        elif isinstance(message, ToolMessage):
            name = message.name or names.get(message.tool_call_id, "")
            result = {"role": "tool", "name": name, "tool_call_id": message.tool_call_id, "content": str(message.text)}
            turns.append(result)
        elif isinstance(message, AIMessage):
            _append(turns, "assistant", _said(message))
        else:
            _append(turns, _role(message), str(message.text))
    return turns


def write_call_field(name: str, arguments: dict[str, Any], call_id: str) -> dict[str, Any]:
    """One of an assistant turn's "tool_calls"."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _append(turns: list[dict[str, Any]], role: str, content: str) -> None:
    if turns and turns[-1]["role"] == role and "tool_calls" not in turns[-1]:
        turns[-1]["content"] += "\n" + content
    else:
        turns.append({"role": role, "content": content})


def _said(message: AIMessage) -> str:
    """What an answer holds besides its calls: its text, and truncated calls verbatim."""
    texts = [str(message.text), *(call["args"] or "" for call in message.invalid_tool_calls)]
    return "\n".join(filter(None, texts))


def _called_names(messages: Sequence[BaseMessage]) -> dict[str, str]:
    answers = [message for message in messages if isinstance(message, AIMessage)]
    return {call["id"]: call["name"] for answer in answers for call in answer.tool_calls if call["id"]}


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, ChatMessage):
        return message.role
    raise SettingError(f"messages must be system, human, ai, tool or chat messages; got {message.type}")
