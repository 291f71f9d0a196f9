"""Tool calls as structured output, for servers that cannot call tools but can follow a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ChatMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.utils.json_schema import dereference_refs

from agent.chat_models.chat_text import write_turns
from agent.chat_models.remote.server_answers import WrittenCalls, clean, make_id, parse_arguments
from agent.chat_models.tool_calling import OfferedTool
from agent.chat_models.tool_text import describe_tools

INSTRUCTION = 'Answer with one JSON object and nothing else: {"name": the tool, "arguments": its arguments}'


def call_format(tools: Sequence[OfferedTool]) -> dict[str, Any]:
    """The `response_format` under which an answer is a call of one of `tools`."""
    calls = [_call_schema(tool) for tool in tools]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}


def _call_schema(tool: OfferedTool) -> dict[str, Any]:
    # references start at the schema's root, which is no longer that of these parameters
    arguments = {key: value for key, value in dereference_refs(tool.parameters).items() if key != "$defs"}
    return {
        "type": "object",
        "properties": {"name": {"const": tool.name}, "arguments": arguments},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def plain_messages(messages: Sequence[BaseMessage], tools: Sequence[OfferedTool]) -> list[BaseMessage]:
    """The conversation for a server that knows no tools: calls and results as text, the tools in the system message."""
    note = "\n".join([describe_tools(tools, may_answer_text=False), INSTRUCTION])
    turns = write_turns(messages, note)
    return [ChatMessage(role=turn["role"], content=turn["content"]) for turn in turns]


def read_call(text: str, *, salt: str) -> WrittenCalls:
    """The call an answer consists of; anything else is an invalid tool call, never an error.

    Text around the JSON object (a fence, a preamble) is ignored: not every server enforces the format.
    """
    start = text.find("{")
    if start < 0:
        return _unreadable(text, salt, "the answer holds no JSON object")
    try:
        call, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        return _unreadable(text, salt, f"the answer is not JSON: {error}")
    name, arguments = call.get("name"), call.get("arguments")
    if not isinstance(name, str) or not name or "arguments" not in call:
        return _unreadable(text, salt, 'the answer must be {"name": the tool, "arguments": its arguments}')
    parsed, fault = parse_arguments(arguments)
    if parsed is None:
        return _unreadable(text, salt, fault, name=clean(name))
    return WrittenCalls(valid=(tool_call(name=clean(name), args=parsed, id=make_id(salt, text)),))


def _unreadable(text: str, salt: str, fault: str, *, name: str = "") -> WrittenCalls:
    return WrittenCalls(invalid=(invalid_tool_call(name=name, args=text, id=make_id(salt, text), error=fault),))
