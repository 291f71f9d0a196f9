"""A chat model behind a server: what is sent, what is read, what is retried, and what ends it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from openai_server import OpenAIServer, answer, calls, raw, refusal, reset, stall, status, text, trickle, truncated
from pydantic import BaseModel
from remote_examples import ARGUMENTS, BROKEN, CALL, GOOD, HISTORY, KEY, NAME, Remote
from sample_tools import whole_tool

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.openai_client import connect_openai
from agent.chat_models.remote.remote_chat_model import LONGEST_PAUSE_SECONDS
from nas.errors import ChatModelError, ConversationTooLongError


def test_a_call_comes_back_with_its_usage_and_plain_metadata() -> None:
    with OpenAIServer(GOOD) as server:
        said = Remote(server).ask()
    assert [(call["name"], call["args"]) for call in said.tool_calls] == [(NAME, ARGUMENTS)]
    assert said.usage_metadata == {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    metadata = said.response_metadata
    assert metadata["finish_reason"] == "tool_calls"
    assert metadata["model_name"] == "served"
    assert metadata["calls"] == "native"
    assert "failed_attempts" not in metadata
    assert all(isinstance(value, str) for value in metadata.values())


def test_sampling_settings_seed_and_key_are_sent() -> None:
    with OpenAIServer(GOOD) as server:
        Remote(server, temperature=0.7, min_p=0.2, max_tokens=99, seed=10).ask()
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["min_p"], sent["max_tokens"]) == ("test", 0.7, 0.2, 99)
    assert sent["seed"] == 17
    assert not sent.get("stream")
    assert server.authorizations == [f"Bearer {KEY}"]


def test_openai_itself_gets_no_min_p_and_its_own_name_of_the_limit() -> None:
    server = connect_openai("test", ChatModelSettings(max_tokens=99), KEY)
    assert server.extra_body == {"max_completion_tokens": 99}
    assert server.address == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("choice", "sent_choice", "sent_tools"),
    [
        (NAME, "required", [NAME]),
        ("any", "required", [NAME, "edit_architecture"]),
        ("required", "required", [NAME, "edit_architecture"]),
        ("auto", "auto", [NAME, "edit_architecture"]),
    ],
)
def test_a_forced_tool_is_the_only_one_sent(choice: str, sent_choice: str, sent_tools: list[str]) -> None:
    with OpenAIServer(GOOD) as server:
        Remote(server).ask(choice)
    sent = server.requests[0]
    assert sent["tool_choice"] == sent_choice
    assert [tool["function"]["name"] for tool in sent["tools"]] == sent_tools
    assert "stages" in sent["tools"][0]["function"]["parameters"]["properties"]


def test_without_tools_it_answers_with_text() -> None:
    with OpenAIServer(text("Hello.")) as server:
        said = Remote(server).model.invoke("Hi", stop=["!"])
    assert said.text == "Hello."
    assert "tools" not in server.requests[0]
    assert server.requests[0]["stop"] == ["!"]


def test_a_free_choice_may_be_text() -> None:
    with OpenAIServer(text("I would rather talk.")) as server:
        said = Remote(server).ask("auto")
    assert said.text == "I would rather talk."
    assert not said.tool_calls
    assert len(server.requests) == 1


def test_parallel_calls_and_unknown_names_are_passed_on() -> None:
    with OpenAIServer(calls((NAME, ARGUMENTS), ("paint", {}), (NAME, ""))) as server:
        said = Remote(server).ask("auto")
    assert [(call["name"], call["args"]) for call in said.tool_calls] == [(NAME, ARGUMENTS), ("paint", {}), (NAME, {})]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ('{"stages": [', "not JSON"),
        ("stages=1", "not JSON"),
        ("[1]", "must be a JSON object; got list"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_unreadable_arguments_are_the_models_mistake(arguments: str, fault: str) -> None:
    with OpenAIServer(calls((NAME, arguments))) as server:
        said = Remote(server).ask()
    assert len(server.requests) == 1
    assert not said.tool_calls
    (invalid,) = said.invalid_tool_calls
    assert invalid["name"] == NAME
    assert invalid["args"] == arguments
    assert fault in invalid["error"]


def test_arguments_as_an_object_and_calls_without_ids_are_read() -> None:
    call = {"function": {"name": NAME, "arguments": ARGUMENTS}}
    nameless = {"id": "", "function": {"name": None, "arguments": "{}"}}
    with OpenAIServer(answer({"role": "assistant", "tool_calls": [call, call, nameless]}, usage=None)) as server:
        said = Remote(server).ask()
    assert [call["args"] for call in said.tool_calls] == [ARGUMENTS, ARGUMENTS]
    assert len({call["id"] for call in said.tool_calls}) == 2
    assert said.invalid_tool_calls[0]["error"] == "the call names no tool"
    assert said.usage_metadata is None


def test_half_a_unicode_pair_breaks_nothing() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "a\ud800b"}}]}
    with OpenAIServer(raw(json.dumps(body))) as server:
        assert Remote(server).model.invoke("Hi").text == "a?b"


def test_a_refusal_is_passed_on_and_not_retried() -> None:
    with OpenAIServer(refusal("I must not.")) as server:
        said = Remote(server).ask()
    assert said.response_metadata["refusal"] == "I must not."
    assert not said.tool_calls
    assert len(server.requests) == 1


PASSING = {
    "HTTP 429: slow down": status(429, "slow down"),
    "HTTP 500: told by the test": status(500),
    "HTTP 503": raw("<html>busy</html>", code=503, content_type="text/html"),
    "HTTP 408: x": raw('{"detail": "x"}', code=408),
    "HTTP 409: y": raw('{"error": "y"}', code=409),
    "unreadable answer (ValueError: the answer is not JSON)": raw("hello", content_type="text/plain"),
    "unreadable answer (JSONDecodeError": raw("{'no"),
    "unreadable answer (ValueError: the answer holds no choices)": raw("{}"),
    "unreadable answer (ValueError: the answer holds no message)": raw('{"choices": [{}]}'),
    "unreadable answer (ValueError: an error instead of an answer": raw('{"error": {"message": "overloaded"}}'),
    "the connection ended before the answer was complete": truncated(),
    "connection reset": reset(),
}


@pytest.mark.parametrize("reason", PASSING)
def test_transient_failures_are_retried_and_reported(reason: str) -> None:
    with OpenAIServer(PASSING[reason], PASSING[reason], GOOD) as server:
        remote = Remote(server)
        said = remote.ask()
    assert said.tool_calls
    assert len(server.requests) == 3
    assert remote.pauses == [1, 2]
    failed = said.response_metadata["failed_attempts"]
    assert len(failed) == 2
    assert failed[0].startswith(reason)
    assert "\n" not in failed[0]


def test_pauses_grow_up_to_a_bound() -> None:
    with OpenAIServer(status(500)) as server:
        remote = Remote(server, max_failures=8)
        with pytest.raises(ChatModelError, match=r"^8 requests in a row to http://.* failed \(HTTP 500: .* x8\)"):
            remote.ask()
    assert remote.pauses == [1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_the_pause_a_server_asks_for_is_bounded() -> None:
    with OpenAIServer(status(429, retry_after=0.25), status(429, retry_after=3600), GOOD) as server:
        remote = Remote(server)
        remote.ask()
    assert remote.pauses == [0.25, LONGEST_PAUSE_SECONDS]


def test_only_failures_in_a_row_count() -> None:
    with OpenAIServer(status(500), GOOD, status(500), GOOD) as server:
        remote = Remote(server, max_failures=2)
        assert remote.ask().tool_calls
        assert remote.ask().tool_calls


@pytest.mark.parametrize("behaviour", [stall(), trickle()], ids=["stall", "trickle"])
def test_the_deadline_holds_for_the_whole_request(behaviour: Any) -> None:
    with OpenAIServer(behaviour) as server:
        remote = Remote(server, timeout_seconds=0.5, max_failures=2)
        with pytest.raises(ChatModelError, match=r"failed \(timed out after 0.5 s x2\): .* llm.timeout_seconds"):
            remote.ask()
        assert len(server.requests) == 2


def test_an_unreachable_server_is_one_line_with_a_remedy() -> None:
    with OpenAIServer(GOOD) as server:
        remote = Remote(server, max_failures=3)
    with pytest.raises(ChatModelError, match=r"^3 requests in a row to .* failed \(connection refused x3\): check"):
        remote.ask()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (400, "change the [llm] settings"),
        (401, "set OPENAI_API_KEY"),
        (403, "set OPENAI_API_KEY"),
        (404, "check the model's name (openai:test)"),
        (422, "change the [llm] settings"),
    ],
)
def test_permanent_failures_end_at_once(code: int, remedy: str) -> None:
    with OpenAIServer(status(code, "no\nway " + "x" * 500)) as server:
        with pytest.raises(ChatModelError) as caught:
            Remote(server).ask()
        assert len(server.requests) == 1
    line = str(caught.value)
    assert f"HTTP {code}: no way" in line
    assert remedy in line
    assert "\n" not in line
    assert len(line) < 500


def test_the_key_is_never_revealed() -> None:
    with OpenAIServer(status(401, f"Incorrect API key provided: {KEY}")) as server:
        remote = Remote(server)
        with pytest.raises(ChatModelError, match=r"provided: \*\*\*\)") as caught:
            remote.ask()
    told = [str(caught.value), repr(remote.model), str(remote.model), str(remote.model.model_dump())]
    told += [repr(remote.model.server), str(remote.model._identifying_params), repr(remote.model.bind_tools([Verdict]))]
    assert not any(KEY in line for line in told)


def test_the_same_works_asynchronously() -> None:
    with OpenAIServer(status(500), GOOD) as server:
        bound = Remote(server).model.bind_tools([whole_tool()])
        said = asyncio.run(bound.ainvoke(HISTORY, seed=1, index=0))
    assert said.tool_calls[0]["args"] == ARGUMENTS
    assert len(said.response_metadata["failed_attempts"]) == 1


class Verdict(BaseModel):
    """A verdict."""

    good: bool


def test_structured_output_works_as_in_langchain() -> None:
    with OpenAIServer(calls(("Verdict", {"good": True}))) as server:
        assert Remote(server).model.with_structured_output(Verdict).invoke("Is it?") == Verdict(good=True)


def test_calls_and_results_are_sent_in_their_roles() -> None:
    history = [*HISTORY, AIMessage("", tool_calls=[CALL]), ToolMessage("84M", tool_call_id="call_1")]
    with OpenAIServer(GOOD) as server:
        Remote(server).ask(messages=history)
    sent = server.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["function"] == {"name": "estimate_macs", "arguments": '{"candidate_id": "c0001"}'}
    assert sent[3]["tool_call_id"] == "call_1"


def test_unreadable_and_unanswered_calls_do_not_break_the_conversation() -> None:
    both = AIMessage("So:", tool_calls=[CALL], invalid_tool_calls=[BROKEN])
    with OpenAIServer(GOOD) as server:
        Remote(server).ask(messages=[*HISTORY, both, ToolMessage("cannot read it", tool_call_id="call_2")])
        Remote(server).ask(messages=[*HISTORY, both, HumanMessage("Go on.")])
    answered, unanswered = (request["messages"][2] for request in server.requests)
    (sent,) = answered["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"unreadable": '{"candi'}
    assert answered["content"] == 'So:\n{"name":"estimate_macs","arguments":{"candidate_id":"c0001"}}'
    assert "tool_calls" not in unanswered
    assert 'explain: {"candi' in unanswered["content"]


@pytest.mark.parametrize("count", [10**30, -(2**70), -1, 1.5, "many"])
def test_a_malformed_usage_is_ignored(count: object) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 20, "total_tokens": 120}
    with OpenAIServer(answer({"role": "assistant", "content": "hello"}, usage=usage)) as server:
        assert Remote(server).ask().usage_metadata is None


@pytest.mark.parametrize(
    ("code", "message", "is_length"),
    [
        (400, "This model's maximum context length is 8192 tokens", True),
        (400, "the request exceeds the available context size", True),
        (413, "prompt is too long", True),
        (400, "temperature must be at most 1", False),
    ],
)
def test_a_conversation_too_long_for_the_server_is_an_error_of_its_own(
    code: int, message: str, is_length: bool
) -> None:
    with OpenAIServer(status(code, message)) as server, pytest.raises(ChatModelError) as caught:
        Remote(server).ask()
    assert isinstance(caught.value, ConversationTooLongError) is is_length
    assert len(server.requests) == 1
