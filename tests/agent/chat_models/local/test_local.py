"""The embedded model: exactness of the kept prompt, jump-forward, text, several tools, streams, turns, errors."""

from __future__ import annotations

import asyncio
import random
from contextlib import closing
from typing import Any, Literal

import numpy as np
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from pydantic import BaseModel
from sample_tools import edit_tool, whole_tool

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.local.continuation import Continuation, DrawSettings
from agent.chat_models.local.engine import PREFILL_BLOCK, CausalEngine
from agent.chat_models.local.local_chat_model import LocalChatModel
from nas.errors import ChatModelError
from nas.space.search_space import SearchSpace

MESSAGES = [SystemMessage("You design neural networks in JSON. " * 12), HumanMessage("Design one.")]
RNG = random.Random(0)
PROMPT = [RNG.randrange(100, 40_000) for _ in range(2 * PREFILL_BLOCK + 20)]


def logits_of(engine: CausalEngine, prompt: list[int]) -> list[np.ndarray]:
    """Logits after the prompt, after a forced chunk and after one more token."""
    with closing(engine.start_reading(prompt)) as reading:
        return [reading.read_prompt(), reading.read_on([5, 6, 7]), reading.read_on([9])]


@pytest.fixture(scope="module")
def fresh_logits(engine: CausalEngine) -> list[np.ndarray]:
    return logits_of(CausalEngine(engine.model, engine.tokenizer), PROMPT)


@pytest.mark.parametrize("shared", [10, PREFILL_BLOCK, PREFILL_BLOCK + 1, len(PROMPT)])
def test_logits_do_not_depend_on_what_was_read_before(
    engine: CausalEngine, fresh_logits: list[np.ndarray], shared: int
) -> None:
    with closing(engine.start_reading(PROMPT[:shared] + [RNG.randrange(100, 40_000) for _ in range(70)])) as reading:
        reading.read_prompt()
        reading.read_on([1] * 5)
    with closing(engine.start_reading(PROMPT)) as reading:
        assert reading.num_shared == shared // PREFILL_BLOCK * PREFILL_BLOCK
    for kept, expected in zip(logits_of(engine, PROMPT), fresh_logits, strict=True):
        assert np.array_equal(kept, expected)  # to the bit: a resumed run must draw the same tokens


def test_two_open_readings_do_not_share_a_cache(engine: CausalEngine, fresh_logits: list[np.ndarray]) -> None:
    logits_of(engine, PROMPT)
    with closing(engine.start_reading(PROMPT)) as first, closing(engine.start_reading(PROMPT)) as second:
        read = [(first.read_prompt(), second.read_prompt()), (first.read_on([5, 6, 7]), second.read_on([5, 6, 7]))]
        assert (first.num_shared, second.num_shared) == (2 * PREFILL_BLOCK, 0)
    for pair, expected in zip(read, fresh_logits, strict=False):
        assert np.array_equal(pair[0], expected)
        assert np.array_equal(pair[1], expected)


def test_a_shared_prompt_is_read_once(smollm2: LocalChatModel) -> None:
    bound = smollm2.bind_tools([edit_tool()])
    bound.invoke(MESSAGES, seed=1)
    answer = bound.invoke([MESSAGES[0], HumanMessage("Now another one.")], seed=1)
    cached, total = answer.response_metadata["cached_prompt_tokens"], answer.usage_metadata["input_tokens"]
    assert total - 1.5 * PREFILL_BLOCK < cached < total


def test_an_interrupted_reading_leaves_no_trace(
    engine: CausalEngine, fresh_logits: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = engine.model.model.layers[3]
    with closing(engine.start_reading(PROMPT)) as reading, monkeypatch.context() as patch:
        reading.read_prompt()
        patch.setattr(layer, "forward", interrupt)
        with pytest.raises(KeyboardInterrupt):
            reading.read_on([1, 2, 3])
    for again, first in zip(logits_of(engine, PROMPT), fresh_logits, strict=True):
        assert np.array_equal(again, first)


def interrupt(*args: object, **kwargs: object) -> None:
    raise KeyboardInterrupt


def test_the_model_is_asked_only_where_there_is_a_choice(smollm2: LocalChatModel) -> None:
    answer = smollm2.bind_tools([whole_tool(SearchSpace(num_stages=5))]).invoke(MESSAGES, seed=1)
    assert len(answer.tool_calls[0]["args"]["stages"]) == 5
    assert answer.usage_metadata["output_tokens"] > 200
    assert answer.response_metadata["model_calls"] < 80


class Explain(BaseModel):
    """Explain a candidate."""

    candidate_id: Literal["c0001"]


def test_a_call_without_a_choice_costs_no_model_call(smollm2: LocalChatModel) -> None:
    answer = smollm2.bind_tools([Explain]).invoke(MESSAGES)
    assert answer.tool_calls[0]["args"] == {"candidate_id": "c0001"}
    assert answer.response_metadata["model_calls"] == 0


def test_among_several_tools_the_name_is_chosen_first(smollm2: LocalChatModel) -> None:
    class Red(BaseModel):
        """Choose red."""

        shade: bool

    class Blue(BaseModel):
        """Choose blue."""

        depth: int

        model_config = {"json_schema_extra": {"properties": {"depth": {"enum": [1, 20, 300]}}}}

    bound = smollm2.bind_tools([Red, Blue], tool_choice="any")
    for seed in range(2):
        call = bound.invoke(MESSAGES, seed=seed).tool_calls[0]
        if call["name"] == "Red":
            assert isinstance(call["args"]["shade"], bool)
        else:
            assert call["name"] == "Blue"
            assert call["args"]["depth"] in (1, 20, 300)


def test_structured_output_works_as_in_langchain(smollm2: LocalChatModel) -> None:
    class Verdict(BaseModel):
        """A verdict."""

        pair: tuple[bool, bool]

    verdict = smollm2.with_structured_output(Verdict).invoke(MESSAGES)
    assert isinstance(verdict, Verdict)


def test_without_tools_it_writes_text_up_to_a_stop(engine: CausalEngine) -> None:
    model = LocalChatModel(engine=engine, settings=ChatModelSettings(temperature=0, max_tokens=6))
    said = model.invoke([HumanMessage("Count: one, two, three")])
    assert said.text
    assert said.usage_metadata["output_tokens"] <= 6
    mark = said.text[3:5]
    assert model.invoke([HumanMessage("Count: one, two, three")], stop=[mark]).text == said.text.partition(mark)[0]


def merged(chunks: list[Any]) -> Any:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


def plain(answer: Any) -> tuple[Any, ...]:
    """The parts of an answer that must not depend on how it was requested."""
    return answer.text, answer.tool_calls, answer.invalid_tool_calls, answer.usage_metadata


def test_a_streamed_text_comes_token_by_token_and_is_the_same(engine: CausalEngine) -> None:
    model = LocalChatModel(engine=engine, settings=ChatModelSettings(max_tokens=12))
    chunks = list(model.stream(MESSAGES, seed=3))
    assert len([chunk for chunk in chunks if chunk.text]) > 6
    assert chunks[-1].response_metadata["model_calls"] == chunks[-1].usage_metadata["output_tokens"]
    assert plain(merged(chunks)) == plain(model.invoke(MESSAGES, seed=3))


def test_a_streamed_call_tells_its_name_first(smollm2: LocalChatModel) -> None:
    bound = smollm2.bind_tools([edit_tool()])
    chunks = list(bound.stream(MESSAGES, seed=3))
    parts = [part for chunk in chunks for part in chunk.tool_call_chunks]
    assert [part["name"] for part in parts] == ["edit_architecture", *[None] * (len(parts) - 1)]
    assert len(parts) > 4
    assert parts[0]["id"]
    assert plain(merged(chunks)) == plain(bound.invoke(MESSAGES, seed=3))


def test_a_question_in_the_middle_of_a_stream_changes_neither_answer(engine: CausalEngine) -> None:
    model = LocalChatModel(engine=engine, settings=ChatModelSettings(max_tokens=8))
    alone = [plain(model.invoke(MESSAGES, seed=seed)) for seed in (1, 2)]
    stream = model.stream(MESSAGES, seed=1)
    first = next(stream)
    assert plain(model.invoke(MESSAGES, seed=2)) == alone[1]
    assert plain(merged([first, *stream])) == alone[0]


def test_an_abandoned_stream_leaves_the_model_free(engine: CausalEngine) -> None:
    model = LocalChatModel(engine=engine, settings=ChatModelSettings(max_tokens=8))
    alone = plain(model.invoke(MESSAGES, seed=1))
    next(model.stream(MESSAGES, seed=2))
    assert not engine.lock.locked()
    assert plain(model.invoke(MESSAGES, seed=1)) == alone


def test_concurrent_answers_are_what_each_is_alone(smollm2: LocalChatModel) -> None:
    bound = smollm2.bind_tools([edit_tool()])

    async def streamed(seed: int) -> Any:
        return merged([chunk async for chunk in bound.astream(MESSAGES, seed=seed)])

    async def all_at_once() -> list[Any]:
        asked = [bound.ainvoke(MESSAGES, seed=1), bound.ainvoke(MESSAGES, seed=2), streamed(1), streamed(2)]
        return await asyncio.gather(*asked)

    alone = [plain(bound.invoke(MESSAGES, seed=seed)) for seed in (1, 2)]
    assert [plain(answer) for answer in asyncio.run(all_at_once())] == [*alone, *alone]


def test_a_prompt_longer_than_the_context_is_one_line(smollm2: LocalChatModel) -> None:
    with pytest.raises(ChatModelError, match=r"smollm2's context of 8192 tokens; got \d+: shorten it"):
        smollm2.invoke([HumanMessage("word " * 9_000)])


def test_a_call_that_does_not_end_is_one_line(engine: CausalEngine) -> None:
    model = LocalChatModel(engine=engine, settings=ChatModelSettings(max_tokens=20))
    with pytest.raises(ChatModelError, match="complete within max_tokens = 20"):
        model.bind_tools([whole_tool()]).invoke(MESSAGES)


def test_tools_are_described_on_request(engine: CausalEngine) -> None:
    plain = LocalChatModel(engine=engine)
    described = LocalChatModel(engine=engine, settings=ChatModelSettings(describe_tools=True))
    few, more = (
        model.bind_tools([Explain]).invoke(MESSAGES).usage_metadata["input_tokens"] for model in (plain, described)
    )
    assert few < more < few + 40


def test_the_seed_decides_each_draw(engine: CausalEngine) -> None:
    def draw(seed: int) -> list[int]:
        writer = Continuation(engine, PROMPT[:8], random.Random(seed), DrawSettings(1.5, 0.0))
        return [writer.choose(np.arange(100, 1100)) for _ in range(3)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
