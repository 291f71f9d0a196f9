"""A server's answers, as the graph reads them and the trace keeps them."""

from __future__ import annotations

import json
from pathlib import Path

from langchain_core.messages import HumanMessage
from openai_server import OpenAIServer, calls

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.registry import open_chat_model
from graphs.tracing import ChatCall, LiveAnswers, call_chat_model
from nas.events import Event
from nas.records.run_events import LlmAnswered
from tools import build_explain


def test_arguments_of_any_depth_are_unreadable_never_a_crash() -> None:
    """Some depths are shallow enough for the JSON parser but too deep to be walked recursively."""
    depths = range(600, 1_100, 10)
    deep = [calls(("explain", '{"candidate_id":' + "[" * depth + "]" * depth + "}")) for depth in depths]
    events: list[Event] = []
    with OpenAIServer(*deep) as server:
        model = open_chat_model("openai:test", ChatModelSettings(url=server.url), cache=Path(), report=print).model
        tool = build_explain(None)  # type: ignore[arg-type]  # offered, never run
        for index in range(len(depths)):
            request = ChatCall([HumanMessage("Explain.")], [tool], "auto", seed=1, index=index)
            answer = call_chat_model(LiveAnswers(model), request, events.append)
            assert (answer.calls, answer.num_unreadable) == ([], 1)
    answered = [event for event in events if isinstance(event, LlmAnswered)]
    assert len(answered) == len(depths)
    assert all("explain" in event.invalid_tool_calls[0] for event in answered)
    assert max(len(json.dumps(event.to_dict())) for event in answered) < 2_000
