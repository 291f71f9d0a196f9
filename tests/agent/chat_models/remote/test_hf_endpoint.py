"""What langchain-huggingface serves: an endpoint that speaks the chat protocol, here on the loopback."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from openai_server import OpenAIServer, calls, raw, stall, status, text
from sample_tools import whole_tool

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.hf_endpoint import connect_hf_endpoint
from agent.chat_models.remote.remote_chat_model import RemoteChatModel
from nas.errors import ChatModelError

NAME = "propose_architecture"
GOOD = calls((NAME, {"stages": [1]}))
KEY = "hf_quite_secret"


async def no_pause(seconds: float) -> None:
    """Do not wait: pauses are not tested here."""


def open_model(server: OpenAIServer, **settings: Any) -> RemoteChatModel:
    chosen = ChatModelSettings(url=server.url, **({"timeout_seconds": 120, "max_failures": 2} | settings))
    place = connect_hf_endpoint("org/name", chosen, KEY)
    return RemoteChatModel(server=place, settings=chosen, model_name="hf-endpoint:org/name", pause=no_pause)


def ask(model: RemoteChatModel, *history: Any) -> AIMessage:
    bound = model.bind_tools([whole_tool()], tool_choice=NAME)
    return bound.invoke([HumanMessage("Design one."), *history], seed=7, index=0)


def test_a_call_comes_back_and_the_request_is_complete() -> None:
    with OpenAIServer(GOOD) as server:
        said = ask(open_model(server, temperature=0, max_tokens=99, min_p=0.2))
    assert said.tool_calls[0]["args"] == {"stages": [1]}
    assert said.usage_metadata["total_tokens"] == 120
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["min_p"]) == ("org/name", 0, 99, 0.2)
    assert (sent["seed"], sent["tool_choice"]) == (7, "required")


def test_calls_and_results_may_stand_in_the_history() -> None:
    call = {"name": "estimate_macs", "args": {}, "id": "call_1"}
    with OpenAIServer(GOOD) as server:
        ask(open_model(server), AIMessage("", tool_calls=[call]), ToolMessage("84M", tool_call_id="call_1"))
    assert [message["role"] for message in server.requests[0]["messages"]] == ["user", "assistant", "tool"]


def test_unreadable_arguments_are_the_models_mistake() -> None:
    with OpenAIServer(calls((NAME, '{"stages": ['))) as server:
        said = ask(open_model(server))
    assert said.invalid_tool_calls[0]["args"] == '{"stages": ['


@pytest.mark.parametrize("behaviour", [status(503), raw("hello"), raw("{}")], ids=["503", "text", "empty"])
def test_transient_failures_are_retried(behaviour: Any) -> None:
    with OpenAIServer(behaviour, GOOD) as server:
        said = ask(open_model(server))
    assert said.tool_calls
    assert len(said.response_metadata["failed_attempts"]) == 1


def test_the_deadline_holds() -> None:
    with OpenAIServer(stall()) as server, pytest.raises(ChatModelError, match=r"timed out after 0.5 s x2"):
        ask(open_model(server, timeout_seconds=0.5))


def test_a_wrong_token_is_one_line_that_does_not_reveal_it() -> None:
    with OpenAIServer(status(401, f"bad token {KEY}")) as server:
        with pytest.raises(ChatModelError, match=r"bad token \*\*\*\): set HF_TOKEN") as caught:
            ask(open_model(server))
        assert len(server.requests) == 1
    assert "\n" not in str(caught.value)


def test_an_unreachable_server_is_one_line() -> None:
    with OpenAIServer(GOOD) as server:
        model = open_model(server)
    with pytest.raises(ChatModelError, match=r"failed \(connection refused x2\)"):
        ask(model)


def test_a_schema_is_sent_where_tools_are_refused() -> None:
    steps = status(422, "tool_choice is unsupported"), text('{"name": "propose_architecture", "arguments": {}}')
    with OpenAIServer(*steps) as server:
        said = ask(open_model(server))
    assert said.tool_calls[0]["name"] == NAME
    # the form of Hugging Face's own servers, into which its client converts OpenAI's
    assert server.requests[1]["response_format"]["type"] == "json_object"
    assert server.requests[1]["response_format"]["value"]["properties"]["name"] == {"const": NAME}
