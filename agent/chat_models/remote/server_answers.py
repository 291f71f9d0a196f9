"""A server's answer, read as a message: a model's malformed call is feedback, a malformed answer is an error."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.outputs import ChatGeneration, ChatResult


@dataclass(frozen=True, slots=True)
class WrittenCalls:
    """The tool calls of an answer: the valid ones and the unreadable ones."""

    valid: tuple[ToolCall, ...] = ()
    invalid: tuple[InvalidToolCall, ...] = ()


def read_answer(answer: Mapping[str, Any]) -> ChatResult:
    """The first choice of an OpenAI chat completion, with usage, finish reason and refusal as plain values.

    Raises ValueError for anything else. Arguments that are not a JSON object make an invalid tool call.
    """
    if error := answer.get("error"):
        raise ValueError(f"an error instead of an answer: {error}")
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise ValueError("the answer holds no choices")
    said = choices[0].get("message")
    if not isinstance(said, Mapping):
        raise ValueError("the answer holds no message")
    calls = read_calls(said.get("tool_calls") or [], salt=f"{answer.get('id')} {answer.get('created')}")
    metadata = {
        "model_name": answer.get("model"),
        "finish_reason": choices[0].get("finish_reason"),
        "refusal": said.get("refusal"),
    }
    message = AIMessage(
        content=_read_text(said.get("content")),
        tool_calls=list(calls.valid),
        invalid_tool_calls=list(calls.invalid),
        usage_metadata=_read_usage(answer.get("usage")),
        response_metadata={key: clean(value) for key, value in metadata.items() if isinstance(value, str) and value},
    )
    return ChatResult(generations=[ChatGeneration(message=message)])


def read_calls(written: object, *, salt: str) -> WrittenCalls:
    """The calls of a `tool_calls` list. A call without an id gets one made from `salt` and its contents."""
    if not isinstance(written, list):
        raise ValueError("tool_calls is not a list")
    valid: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    ids: set[str] = set()
    for number, call in enumerate(written):
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise ValueError("a tool call holds no function")
        arguments = function.get("arguments")
        name, text = clean(function.get("name") or ""), clean(_as_text(arguments))
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id or call_id in ids:
            call_id = make_id(salt, number, name, text)
        ids.add(call_id)
        parsed, fault = parse_arguments(arguments)
        if parsed is None or not name:
            fault = fault or "the call names no tool"
            invalid.append(invalid_tool_call(name=name, args=text, id=clean(call_id), error=fault))
        else:
            valid.append(tool_call(name=name, args=parsed, id=clean(call_id)))
    return WrittenCalls(tuple(valid), tuple(invalid))


def parse_arguments(written: object) -> tuple[dict[str, Any] | None, str]:
    """The arguments, or None and what is wrong with them. Empty text is a call without arguments."""
    if written is None or written == "":
        return {}, ""
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError) as error:  # too deeply nested is unreadable too
            return None, f"the arguments are not JSON: {error}"
    if not isinstance(written, dict):
        return None, f"the arguments must be a JSON object; got {type(written).__name__}"
    return written, ""


def make_id(*parts: object) -> str:
    """A tool call's id that depends on every part."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode(errors="replace")).hexdigest()
    return f"call_{digest[:16]}"


def clean(text: object) -> str:
    """The text without lone surrogates, which JSON can carry but no file can hold."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _as_text(arguments: object) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _read_text(content: object) -> str:
    """The text of a message whose content is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return clean(content or "")
    if isinstance(content, Sequence):
        return clean("".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping)))
    raise ValueError("the message's content is neither text nor parts")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _read_usage(usage: object) -> UsageMetadata | None:
    if not isinstance(usage, Mapping):
        return None
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not _is_count(read) or not _is_count(written):
        return None
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
