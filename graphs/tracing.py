"""Every node, chat-model call and tool call becomes an event as it happens."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.errors import GraphBubbleUp

from graphs.conversation import clean_text, is_recordable, to_plain
from nas.errors import ChatModelError, CheckError, ConversationTooLongError
from nas.events import EventSink
from nas.records.run_events import (
    LlmAnswered,
    LlmFailed,
    LlmRequested,
    NodeFinished,
    NodeStarted,
    NodeWaiting,
    ToolAnswered,
    ToolCalled,
    ToolRequest,
)

MAX_CALLS = 32  # tool calls accepted from one answer

_TOLD_ELSEWHERE = ("dialogue",)  # its messages are in the requests, each once

State_contra = TypeVar("State_contra", contravariant=True)


class Node(Protocol[State_contra]):
    """A graph node: state in, changed keys out."""

    __name__: str

    def __call__(self, state: State_contra) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class ChatCall:
    """One request to the chat model: messages, tools and choice, and the seed that fixes its randomness.

    `tool_choice` is the name of a tool, or "auto". `index` counts the requests of the run. The first `num_told`
    messages are in earlier requests of the same conversation: the trace does not repeat them.
    """

    messages: Sequence[BaseMessage]
    tools: Sequence[BaseTool]
    tool_choice: str
    seed: int
    index: int
    num_told: int = 0


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What came back, as the trace keeps it: the message, its usable tool calls with our own ids, wall seconds.

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
        """Tokens read and written, 0 if the chat model does not say."""
        return self.message.usage_metadata["total_tokens"] if self.message.usage_metadata else 0


class AnswerSource(Protocol):
    """Where answers come from: a chat model, or the records of one."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The chat model and its parameters, as plain values: a part of every request's key."""

    def answer(self, call: ChatCall, key: str) -> LlmAnswered:
        """The answer as the trace keeps it; raises ChatModelError when there is none."""


@dataclass(frozen=True)
class LiveAnswers:
    """Asks a chat model."""

    chat_model: BaseChatModel
    identity: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, call: ChatCall, key: str) -> LlmAnswered:  # noqa: ARG002  # the protocol's
        """The chat model's live answer, reduced to what can be kept."""
        started = time.monotonic()
        bound = self.chat_model.bind_tools(call.tools, tool_choice=call.tool_choice)
        message = bound.invoke(list(call.messages), seed=call.seed, index=call.index)
        return _keep(message, round(time.monotonic() - started, 3))


@dataclass(frozen=True)
class RecordedAnswers:
    """Gives recorded answers by the key of their request; an unrecorded request is an error."""

    identity: Mapping[str, Any]
    answers: Mapping[str, LlmAnswered]
    failures: Mapping[str, LlmFailed] = field(default_factory=dict)

    def answer(self, call: ChatCall, key: str) -> LlmAnswered:
        """The recorded answer, or the recorded failure raised again."""
        if key in self.answers:
            return self.answers[key]
        if key in self.failures:
            failure = self.failures[key]
            raise (ConversationTooLongError if failure.too_long else ChatModelError)(failure.error)
        raise CheckError(f"every request must have a recorded answer; request {call.index} (key {key}) has none")


def request_key(identity: Mapping[str, Any], call: ChatCall) -> str:
    """32 hexadecimal digits of everything an answer depends on: model, parameters, messages, tools, choice and seed."""
    asked = {
        "identity": dict(identity),
        "messages": [to_plain(message) for message in call.messages],
        "tools": [convert_to_openai_tool(tool) for tool in call.tools],
        "tool_choice": call.tool_choice,
        "seed": call.seed,
        "index": call.index,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


def derive_seed(*parts: object) -> int:
    """A 32-bit seed that depends on every part, and on nothing else."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def trace_node(graph: str, node: Node[State_contra], events: EventSink) -> Node[State_contra]:
    """The node, which now announces its start and the state it changed."""
    name = node.__name__

    @functools.wraps(node)
    def traced(state: State_contra) -> dict[str, Any]:
        events(NodeStarted(graph, name))
        started = time.monotonic()
        try:
            update = node(state)
        except GraphBubbleUp:  # an interrupt that waits for an answer: the node will run again
            events(NodeWaiting(graph, name))
            raise
        seconds = round(time.monotonic() - started, 3)
        kept = {key: value for key, value in update.items() if key not in _TOLD_ELSEWHERE}
        events(NodeFinished(graph, name, kept, seconds))
        return update

    return traced


def call_chat_model(source: AnswerSource, call: ChatCall, events: EventSink) -> ChatAnswer:
    """The chat model's answer, whatever it holds; raises ChatModelError when there is none."""
    key = request_key(source.identity, call)
    request = LlmRequested(
        key=key,
        messages=tuple(to_plain(message) for message in call.messages[call.num_told :]),
        num_told=call.num_told,
        tools=tuple(tool.name for tool in call.tools),
        tool_choice=call.tool_choice,
        seed=call.seed,
        index=call.index,
    )
    events(request)
    started = time.monotonic()
    try:
        answered = source.answer(call, key)
    except ChatModelError as error:
        too_long = isinstance(error, ConversationTooLongError)
        seconds = round(time.monotonic() - started, 3)
        events(LlmFailed(key, str(error), too_long, seconds))
        raise
    events(answered)
    return _read_answer(answered, call.index)


def _keep(answer: AIMessage, seconds: float) -> LlmAnswered:
    """What the trace keeps of an answer: finite plain values of bounded length."""
    taken, invalid = answer.tool_calls[:MAX_CALLS], answer.invalid_tool_calls[:MAX_CALLS]
    usable, unusable = [], [f"{made['name']} {made['args']}" for made in invalid]
    for made in taken:
        if is_recordable(made["args"]) and is_recordable(made["name"]):
            usable.append(made)
        else:  # not written out: walking it could exceed Python's recursion limit
            unusable.append(f"{made['name']} with arguments too long, too deep or no plain JSON")
    return LlmAnswered(
        content=clean_text(answer.text),
        tool_calls=tuple(ToolRequest(made["name"], made["args"]) for made in usable),
        num_calls_left_out=len(answer.tool_calls) - len(taken),
        invalid_tool_calls=tuple(clean_text(spelled[:400]) for spelled in unusable),
        usage=dict(answer.usage_metadata) if answer.usage_metadata else None,
        metadata={key: _shorten(value) for key, value in answer.response_metadata.items() if _is_plain(value)},
        seconds=seconds,
    )


def _read_answer(answered: LlmAnswered, index: int) -> ChatAnswer:
    calls = [
        {"name": made.name, "args": made.args, "id": f"call_{index}_{place}", "type": "tool_call"}
        for place, made in enumerate(answered.tool_calls)
    ]
    message = AIMessage(answered.content, tool_calls=calls, usage_metadata=answered.usage)
    return ChatAnswer(message, answered.seconds, len(answered.invalid_tool_calls))


def call_tool(tool: BaseTool, arguments: Mapping[str, Any], events: EventSink) -> ToolMessage:
    """The tool's message: its text for the language model and, unless the arguments were unusable, its artifact."""
    events(ToolCalled(tool.name, dict(arguments)))
    started = time.monotonic()
    message = tool.invoke({"type": "tool_call", "name": tool.name, "args": dict(arguments), "id": tool.name})
    if not isinstance(message, ToolMessage):
        raise TypeError(f"tool {tool.name} answered with {type(message).__name__} instead of a ToolMessage")
    events(ToolAnswered(tool.name, message.text, message.artifact, round(time.monotonic() - started, 3)))
    return message


def _shorten(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    return [clean_text(item) for item in value[:MAX_CALLS]] if isinstance(value, list) else value


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float | bool) or value is None
