"""Every node, chat-model call and tool call becomes an event as it happens."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp

from graphs.conversation import clean_text, is_recordable, to_plain
from nas.errors import ChatModelError
from nas.events import Event, EventSink

MAX_CALLS = 32  # tool calls that are taken of one answer

_TOLD_ELSEWHERE = ("dialogue",)  # its messages stand in the requests, each once

State_contra = TypeVar("State_contra", contravariant=True)


class Node(Protocol[State_contra]):
    """A graph node: state in, changed keys out."""

    __name__: str

    def __call__(self, state: State_contra) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One request to the chat model: messages, tools and choice, and the number that fixes its randomness.

    `tool_choice` is the name of a tool, or "auto". `index` counts the requests of the run. The first `num_told`
    messages stand in earlier requests of the same conversation: the trace does not repeat them.
    """

    messages: Sequence[BaseMessage]
    tools: Sequence[BaseTool]
    tool_choice: str
    seed: int
    index: int
    num_told: int = 0


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back: the message, its usable tool calls with ids of our own, and the wall seconds it took.

    `num_unreadable` calls had no arguments that could be read or recorded.
    """

    message: AIMessage
    seconds: float
    num_unreadable: int

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls as plain values: name, args, id."""
        return [{"name": call["name"], "args": call["args"], "id": call["id"]} for call in self.message.tool_calls]

    @property
    def tokens(self) -> int:
        """Tokens read and written, 0 where the chat model does not say."""
        return self.message.usage_metadata["total_tokens"] if self.message.usage_metadata else 0


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
        kept = {key: value for key, value in update.items() if key not in _TOLD_ELSEWHERE}
        events(Event("node_finished", {"graph": graph, "node": name, "update": kept, "seconds": seconds}))
        return update

    return traced


def call_chat_model(chat_model: BaseChatModel, call: ChatCall, events: EventSink) -> ChatAnswer:
    """The chat model's answer, whatever it holds; raises ChatModelError when there is none."""
    request = {
        "messages": [to_plain(message) for message in call.messages[call.num_told :]],
        "num_told": call.num_told,
        "tools": [tool.name for tool in call.tools],
        "tool_choice": call.tool_choice,
        "seed": call.seed,
        "index": call.index,
    }
    events(Event("llm_requested", request))
    started = time.monotonic()
    bound = chat_model.bind_tools(call.tools, tool_choice=call.tool_choice)
    try:
        answer = bound.invoke(list(call.messages), seed=call.seed, index=call.index)
    except ChatModelError as error:
        events(Event("llm_failed", {"error": str(error), "seconds": round(time.monotonic() - started, 3)}))
        raise
    seconds = round(time.monotonic() - started, 3)
    taken, invalid = answer.tool_calls[:MAX_CALLS], answer.invalid_tool_calls[:MAX_CALLS]
    usable, unusable = [], [f"{made['name']} {made['args']}" for made in invalid]
    for made in taken:
        if is_recordable(made["args"]) and is_recordable(made["name"]):
            usable.append(made)
        else:  # not spelled out: walking it could go deeper than Python can
            unusable.append(f"{made['name']} with arguments too long, too deep or no plain JSON")
    answered = {
        "content": clean_text(answer.text),
        "tool_calls": [{"name": made["name"], "args": made["args"]} for made in usable],
        "num_calls_left_out": len(answer.tool_calls) - len(taken),
        "invalid_tool_calls": [clean_text(spelled[:400]) for spelled in unusable],
        "usage": dict(answer.usage_metadata) if answer.usage_metadata else None,
        "metadata": {key: _shorten(value) for key, value in answer.response_metadata.items() if _is_plain(value)},
        "seconds": seconds,
    }
    events(Event("llm_answered", answered))
    named = [{**made, "id": f"call_{call.index}_{place}"} for place, made in enumerate(usable)]
    message = answer.model_copy(update={"tool_calls": named, "content": answered["content"]})
    return ChatAnswer(message, seconds, len(unusable))


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


def _shorten(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    return [clean_text(item) for item in value[:MAX_CALLS]] if isinstance(value, list) else value


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float | bool) or value is None
