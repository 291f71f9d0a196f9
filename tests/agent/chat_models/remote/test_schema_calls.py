"""Tool calls as structured output: when a server is asked that way, what it is sent, and what is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from openai_server import OpenAIServer, Request, status, text
from remote_examples import ARGUMENTS, CALL, GOOD, HISTORY, NAME, Remote

from nas.errors import ChatModelError


def in_schema(name: str, arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def without_tools(request: Request) -> Any:
    """A server that ignores tools but keeps to a schema."""
    if "response_format" in request:
        return text(in_schema(NAME, ARGUMENTS))
    return text("Sure, I would love to!")


def test_a_server_that_ignores_tools_is_asked_with_a_schema_from_then_on() -> None:
    with OpenAIServer(without_tools) as server:
        remote = Remote(server)
        first, second = remote.ask(), remote.ask()
    assert first.tool_calls[0]["args"] == second.tool_calls[0]["args"] == ARGUMENTS
    assert ["tools" in request for request in server.requests] == [True, False, False]
    assert first.response_metadata["calls"] == "json_schema"
    assert first.response_metadata["failed_attempts"] == [
        "the answer held no tool call; asked again with a JSON schema"
    ]
    assert first.usage_metadata["total_tokens"] == 240
    assert "failed_attempts" not in second.response_metadata


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (500, "tools param requires --jinja flag"),  # llama.cpp
        (400, "registry.ollama.ai/library/smollm does not support tools"),  # Ollama
        (400, '"auto" tool choice requires --enable-auto-tool-choice'),  # vLLM
    ],
)
def test_a_server_that_refuses_tools_is_asked_with_a_schema_from_then_on(code: int, message: str) -> None:
    with OpenAIServer(status(code, message), text(in_schema(NAME, ARGUMENTS))) as server:
        remote = Remote(server)
        first, second = remote.ask("auto"), remote.ask("auto")
    assert first.tool_calls[0]["args"] == second.tool_calls[0]["args"] == ARGUMENTS
    assert len(server.requests) == 3
    assert not remote.pauses
    assert message in first.response_metadata["failed_attempts"][0]


def test_a_context_filled_by_tools_is_not_a_lack_of_tool_support() -> None:
    with OpenAIServer(status(400, "maximum context length is 8192 tokens, tools included")) as server:
        with pytest.raises(ChatModelError, match=r"refused it \(HTTP 400: maximum context"):
            Remote(server).ask()
        assert len(server.requests) == 1


def test_a_server_that_can_neither_is_named_with_both_reasons() -> None:
    reasons = r"refused both \(.*no tools here.*no response_format either\)"
    steps = status(400, "no tools here"), status(400, "no response_format either")
    with OpenAIServer(*steps) as server, pytest.raises(ChatModelError, match=reasons):
        Remote(server).ask()


def test_a_server_that_has_called_a_tool_is_asked_natively_again() -> None:
    with OpenAIServer(GOOD, text("Hm."), text(in_schema(NAME, ARGUMENTS)), GOOD) as server:
        remote = Remote(server)
        assert all(remote.ask().tool_calls for _ in range(3))
    assert ["tools" in request for request in server.requests] == [True, True, False, True]


def test_a_forced_answer_without_a_call_is_kept_when_schemas_are_refused() -> None:
    with OpenAIServer(text("Hm."), status(400, "response_format is not supported")) as server:
        said = Remote(server).ask()
    assert said.text == "Hm."
    assert not said.tool_calls
    assert "response_format is not supported" in said.response_metadata["failed_attempts"][1]


def test_native_and_schema_calls_can_be_insisted_on() -> None:
    with OpenAIServer(without_tools) as server:
        assert not Remote(server, calls="native").ask().tool_calls
        assert Remote(server, calls="json_schema").ask().tool_calls
    assert ["response_format" in request for request in server.requests] == [False, True]


def test_a_schema_names_the_tools_and_the_history_is_plain() -> None:
    history = [*HISTORY, AIMessage("", tool_calls=[CALL]), ToolMessage("84M", tool_call_id="call_1")]
    with OpenAIServer(text(in_schema(NAME, ARGUMENTS))) as server:
        remote = Remote(server, calls="json_schema")
        remote.ask(messages=history)
        remote.ask("any")
    one, several = server.requests
    assert [message["role"] for message in one["messages"]] == ["system", "user", "assistant", "user"]
    assert f"- {NAME}(stages: array): Propose." in one["messages"][0]["content"]
    assert one["messages"][3]["content"] == "Result of estimate_macs: 84M"
    schema = one["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["name"] == {"const": NAME}
    assert schema["properties"]["arguments"]["properties"]["stages"]["maxItems"] == 2
    variants = several["response_format"]["json_schema"]["schema"]["anyOf"]
    assert [variant["properties"]["name"]["const"] for variant in variants] == [NAME, "edit_architecture"]


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("Sorry.", "no JSON object"),
        ('{"name": "propose_architecture", "argum', "not JSON"),
        ('{"stages": []}', "must be"),
        (in_schema("", {}), "must be"),
        (in_schema(NAME, [1]), "must be a JSON object; got list"),
        ('{"a":' * 50_000, "not JSON"),
    ],
)
def test_anything_but_a_call_under_a_schema_is_feedback(written: str, fault: str) -> None:
    with OpenAIServer(text(written, finish_reason="length")) as server:
        said = Remote(server, calls="json_schema").ask()
    assert not said.tool_calls
    assert fault in said.invalid_tool_calls[0]["error"]
    assert said.response_metadata["finish_reason"] == "length"


def test_a_fenced_call_is_found() -> None:
    with OpenAIServer(text(f"Here:\n```json\n{in_schema(NAME, json.dumps(ARGUMENTS))}\n```")) as server:
        assert Remote(server, calls="json_schema").ask().tool_calls[0]["args"] == ARGUMENTS
