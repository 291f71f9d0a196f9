"""Questions with known answers, written by someone who had not seen how questions are routed (questions.json).

Each states what a right answer must hold (figures and ids, taken from the records and the estimators by means other
than the tools), or that it must be declined.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from openai_server import Behaviour, OpenAIServer, Request, calls, text

from agent.chat_models.registry import open_chat_model
from agent.config import RunConfig, read_config
from agent.running.inquiry import Inquiry
from graphs.inquiry.figure_check import Told, find_unsupported
from graphs.inquiry.question import Focus
from graphs.inquiry.router import route_question
from graphs.tracing import LiveAnswers
from nas.events import ignore_events
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore

QUESTIONS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "questions.json").read_text())
LIE = "It needs 999.9 KiB and runs in 12 ms."


def is_answered(entry: Mapping[str, Any], turn: Mapping[str, Any]) -> bool:
    """Whether an answer holds everything it must, or declines what must be declined."""
    if entry["must_decline"]:
        return bool(turn["is_declined"])
    said = _normalize(turn["answer"])
    wanted = (item if isinstance(item, list) else [item] for item in entry["expect"])
    return all(any(_normalize(words) in said for words in alternatives) for alternatives in wanted)


def _normalize(words: str) -> str:
    return re.sub(r"\s+", " ", words.lower())


def ask_all(inquiry: Inquiry) -> list[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Every question with its turn, each in a conversation of its own."""
    answered = []
    for entry in QUESTIONS:
        answered.append((entry, inquiry.ask(entry["question"])))
        (inquiry.store.folder / "conversation.jsonl").unlink()
    return answered


def judge(answered: list[tuple[dict[str, Any], Mapping[str, Any]]]) -> None:
    """At least 85% right; all declined that must be; no figure that no tool gave."""
    missed = [entry["question"] for entry, turn in answered if not is_answered(entry, turn)]
    assert len(missed) <= 0.15 * len(answered), missed
    assert not [entry["question"] for entry, turn in answered if entry["must_decline"] and not turn["is_declined"]]
    for _, turn in answered:
        if not turn["is_declined"]:
            told = [Told(call["text"], tuple(call["about"])) for call in turn["calls"]]
            assert find_unsupported(turn["answer"], told) == []


@pytest.fixture
def open_inquiry(example_copy: RunStore) -> Callable[..., Inquiry]:
    def one(model: LiveAnswers | None = None) -> Inquiry:
        config: RunConfig = read_config(example_copy.load_config()["config"])
        return Inquiry(example_copy, config, model, lambda _: False, ignore_events)

    return one


def test_there_are_enough_of_every_kind() -> None:
    kinds = {entry["kind"] for entry in QUESTIONS}
    assert len(QUESTIONS) >= 60
    assert {
        "why",
        "why_not",
        "what_if",
        "compare",
        "how_sure",
        "constraint",
        "peak",
        "off_topic",
        "adversarial",
    } <= kinds


def test_the_embedded_model_answers_by_rules(open_inquiry: Callable[..., Inquiry]) -> None:
    judge(ask_all(open_inquiry()))


def test_a_served_model_answers_and_its_inventions_do_not_reach_the_user(
    open_inquiry: Callable[..., Inquiry], example_records: RunRecords, tmp_path: Path
) -> None:
    """A model that knows which tool to call, and adds an invention to about every third answer, also when told so."""

    def behave(request: Request) -> Behaviour:
        messages = request["messages"]
        asked = [message["content"] for message in messages if message["role"] == "user"]
        question = next(words for words in reversed(asked) if not words.startswith("No tool said"))
        route = route_question(question, example_records, Focus())
        if not route.calls:
            return text("I do not know that.")
        told = [message["content"] for message in messages if message["role"] == "tool"]
        if not told:
            return calls(*((call["tool"], call["args"]) for call in route.calls))
        return text("\n".join(told) + (f"\n{LIE}" if len(question) % 3 == 0 else ""))

    with OpenAIServer(behave) as server:
        config = open_inquiry().config
        settings = config.llm.model_copy(update={"spec": "openai:test", "url": server.url})
        opened = open_chat_model("openai:test", settings, cache=tmp_path, report=lambda _: None)
        answered = ask_all(open_inquiry(LiveAnswers(opened.model, {"spec": "openai:test"})))
    judge(answered)
    noted = [turn for _, turn in answered if turn["note"].startswith("the chat model's own words were not kept")]
    assert len(noted) >= len(QUESTIONS) / 5
    assert not [turn for _, turn in answered if "999.9" in turn["answer"] or "12 ms" in turn["answer"]]
