"""Every node, chat-model call and tool call becomes an event as it happens."""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp

from nas.errors import ChatModelError
from nas.events import Event, EventSink

State_contra = TypeVar("State_contra", contravariant=True)


class Node(Protocol[State_contra]):
    """A graph node: state in, changed keys out."""

    __name__: str

    def __call__(self, state: State_contra) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One request to the chat model: messages, the tool it must call, and the number that fixes its randomness."""

    messages: Sequence[BaseMessage]
    tool: BaseTool
    seed: int
    index: int


def derive_seed(*parts: object) -> int:
    """A 32-bit seed that depends on every part, and on nothing that happened before."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def trace_node(graph: str, node: Node[State_contra], events: EventSink) -> Node[State_contra]:
    """The node, announcing its start and the state it changed."""
    name = node.__name__

    @functools.wraps(node)
    def traced(state: State_contra) -> dict[str, Any]:
        events(Event("node_started", {"graph": graph, "node": name}))
        started = time.monotonic()
        try:
            update = node(state)
        except GraphBubbleUp:  # an interrupt that waits for an answer: the node will run again
            events(Event("node_waiting", {"graph": graph, "node": name}))
            raise
        seconds = round(time.monotonic() - started, 3)
        events(Event("node_finished", {"graph": graph, "node": name, "update": update, "seconds": seconds}))
        return update

    return traced


def call_chat_model(chat_model: BaseChatModel, call: ChatCall, events: EventSink) -> AIMessage:
    """The chat model's answer to a request that forces one tool; raises ChatModelError when it gives none."""
    request = {
        "messages": [{"role": message.type, "content": message.content} for message in call.messages],
        "tools": [call.tool.name],
        "tool_choice": call.tool.name,
        "seed": call.seed,
        "index": call.index,
    }
    events(Event("llm_requested", request))
    started = time.monotonic()
    bound = chat_model.bind_tools([call.tool], tool_choice=call.tool.name)
    try:
        answer = bound.invoke(list(call.messages), seed=call.seed, index=call.index)
    except ChatModelError as error:
        events(Event("llm_failed", {"error": str(error), "seconds": round(time.monotonic() - started, 3)}))
        raise
    usable = [made for made in answer.tool_calls if _is_recordable(made["args"])]
    unusable = [repr(made)[:400] for made in (*answer.tool_calls, *answer.invalid_tool_calls) if made not in usable]
    answered = {
        "content": answer.content,
        "tool_calls": [{"name": made["name"], "args": made["args"]} for made in usable],
        "invalid_tool_calls": unusable,
        "usage": dict(answer.usage_metadata) if answer.usage_metadata else None,
        "metadata": {key: value for key, value in answer.response_metadata.items() if _is_plain(value)},
        "seconds": round(time.monotonic() - started, 3),
    }
    events(Event("llm_answered", answered))
    return answer.model_copy(update={"tool_calls": usable})


def call_tool(tool: BaseTool, arguments: Mapping[str, Any], events: EventSink) -> ToolMessage:
    """The tool's message: its text for the language model and, unless the arguments were unusable, its artifact."""
    events(Event("tool_called", {"tool": tool.name, "args": dict(arguments)}))
    started = time.monotonic()
    message = tool.invoke({"type": "tool_call", "name": tool.name, "args": dict(arguments), "id": tool.name})
    if not isinstance(message, ToolMessage):
        raise TypeError(f"tool {tool.name} answered with {type(message).__name__} instead of a ToolMessage")
    data = {
        "tool": tool.name,
        "text": message.text,
        "artifact": message.artifact,
        "seconds": round(time.monotonic() - started, 3),
    }
    events(Event("tool_answered", data))
    return message


def _is_recordable(value: object) -> bool:
    """Whether a value a chat model wrote survives the records: finite numbers of 64 bits, text that is Unicode."""
    match value:
        case dict():
            return all(_is_recordable(key) and _is_recordable(item) for key, item in value.items())
        case list():
            return all(map(_is_recordable, value))
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case float():
            return math.isfinite(value)
        case int():
            return -(2**63) <= value < 2**63
        case _:
            return value is None


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool) or value is None
