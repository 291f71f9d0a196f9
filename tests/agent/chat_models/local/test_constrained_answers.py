"""Text or call, as the writer's own tokens decide; stop strings; truncated calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk
from sample_tools import edit_tool, whole_tool
from tool_templates import HERMES, LLAMA

from agent.chat_models.local.constrained_answers import Ends, GrowingText, Piece, mark_cut, write_either
from agent.chat_models.local.engine import CausalEngine
from agent.chat_models.local.local_chat_model import LocalChatModel
from agent.chat_models.local.matcher import AnswerMatcher, CallRules
from agent.chat_models.tool_calling import OfferedTool

SCHEMA = {
    "type": "object",
    "properties": {"id": {"enum": ["c1", "c2"]}, "n": {"type": "integer"}},
    "required": ["id", "n"],
}
TOOLS = (
    OfferedTool("explain", "Explain.", SCHEMA),
    OfferedTool("train", "Train.", {"type": "object", "properties": {}}),
)


class Speller:
    """A writer that writes a given text, token by token, as far as it is allowed to."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._left = list(tokens)
        self.num_choices = 0

    def append(self, tokens: Sequence[int]) -> None:
        assert self._left[: len(tokens)] == list(tokens)
        del self._left[: len(tokens)]

    def choose(self, allowed: np.ndarray | None = None) -> int:
        self.num_choices += 1
        token = self._left.pop(0)
        assert allowed is None or token in allowed
        return token


@pytest.fixture(params=["compact", "marks", "control tokens", "llama"])
def tiny(request: pytest.FixtureRequest, open_tiny: Callable[..., LocalChatModel]) -> CausalEngine:
    template = {"compact": "{{ messages }}", "llama": LLAMA}.get(request.param, HERMES)
    return open_tiny(template, control_tokens=request.param == "control tokens").engine


def say(
    engine: CausalEngine, text: str, *, stop: Sequence[str] = (), max_tokens: int = 500, or_text: bool = True
) -> tuple[Piece, Speller]:
    """The joined pieces of an answer by a writer that wants to write `text`."""
    matcher = AnswerMatcher(engine.vocabulary, CallRules(TOOLS, engine.template.call_format, or_text=or_text))
    writer = Speller([*engine.tokenizer(text, add_special_tokens=False).input_ids, min(engine.stop_tokens)])
    pieces = list(write_either(engine.vocabulary, matcher, writer, Ends(engine.stop_tokens, stop, max_tokens)))
    whole = Piece(*("".join(parts) for parts in zip(*((p.text, p.name, p.arguments) for p in pieces), strict=True)))
    return whole, writer


def spell(engine: CausalEngine, name: str, arguments: dict[str, Any]) -> str:
    spelled = engine.template.call_format
    separators = (spelled.item_separator, spelled.key_separator)
    return spelled.head(name) + json.dumps(arguments, separators=separators) + spelled.closing


def test_a_text_stays_a_text(tiny: CausalEngine) -> None:
    for text in ("Hello, é 木 you.", '{"nothing": 1}', "a < b <tool", " "):
        assert say(tiny, text)[0] == Piece(text=text)


def test_an_answer_that_begins_like_a_call_becomes_one(tiny: CausalEngine) -> None:
    arguments = {"id": "c2", "n": -12}
    told, writer = say(tiny, spell(tiny, "explain", arguments))
    assert (told.text, told.name, json.loads(told.arguments)) == ("", "explain", arguments)
    forced = say(tiny, spell(tiny, "explain", arguments), or_text=False)
    assert forced[0] == told
    assert forced[1].num_choices < writer.num_choices < 20


def test_a_marked_call_may_follow_a_text(tiny: CausalEngine) -> None:
    text = "Let me see <tool> é.\n" + spell(tiny, "train", {})
    told = say(tiny, text)[0]
    if tiny.template.call_format.may_follow_text:
        assert told == Piece("Let me see <tool> é.\n", "train", "{}")
    else:
        assert told == Piece(text)


def test_a_stop_string_ends_a_text_before_it(tiny: CausalEngine) -> None:
    assert say(tiny, "One, two, three", stop=["x", ", th", "wo"])[0] == Piece("One, t")
    assert say(tiny, "One, two, thr", stop=["three", ""])[0] == Piece("One, two, thr")


def test_a_text_ends_after_max_tokens(tiny: CausalEngine) -> None:
    assert say(tiny, "One two three four", max_tokens=3)[0] == Piece("One two three")


def test_a_call_that_is_cut_off_cannot_be_taken_for_a_whole_one(tiny: CausalEngine) -> None:
    text = spell(tiny, "explain", {"id": "c2", "n": 12345})
    for max_tokens in range(len(tiny.tokenizer(tiny.template.call_format.sign).input_ids) + 1, 18):
        told = say(tiny, text, max_tokens=max_tokens)[0]
        if not told.arguments.endswith("5}"):
            part = tool_call_chunk(name=told.name, args=told.arguments, id="1", index=0)
            assert AIMessageChunk("", tool_call_chunks=[part]).tool_calls == [], told


@given(st.text(alphabet='{}[]",:\\a1', max_size=12))
def test_no_beginning_of_json_is_completed_after_a_cut(raw: str) -> None:
    message = AIMessageChunk(
        "", tool_call_chunks=[tool_call_chunk(name="x", args=raw + mark_cut(raw), id="1", index=0)]
    )
    assert message.tool_calls == []
    assert len(message.invalid_tool_calls) == 1


# SmolLM2 has no tokens for control characters
PRINTED = st.characters(codec="utf-8", exclude_categories=["C"])


@settings(deadline=None)  # the first example builds the vocabulary
@given(st.text(PRINTED, max_size=20), st.lists(st.text(PRINTED, min_size=1, max_size=3), max_size=2))
def test_streamed_text_is_the_text_before_the_first_stop(engine: CausalEngine, text: str, stop: list[str]) -> None:
    growing = GrowingText(engine.vocabulary, stop)
    said = "".join(growing.take(token) for token in engine.vocabulary.tokenize(text.encode())) + growing.finish()
    places = [text.index(mark) for mark in stop if mark in text]
    assert said == text[: min(places, default=len(text))]


def test_the_embedded_model_may_answer_either_way(smollm2: LocalChatModel) -> None:
    bound = smollm2.bind_tools([edit_tool(), whole_tool()], tool_choice="auto")
    answers = [bound.invoke([HumanMessage(text)], seed=1) for text in ("What is a pixel?", "Go.")]
    assert all(bool(answer.text) != bool(answer.tool_calls) for answer in answers)
    assert "nothing else" in smollm2.engine.template.write_prompt([], TOOLS, may_answer_text=True)
