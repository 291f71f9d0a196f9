"""Masks: asked before each choice and obeyed to the end, whatever the spelling of calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool, StructuredTool
from sample_tools import whole_tool
from tool_templates import HERMES, LLAMA

from agent.chat_models.local.json_cursor import JsonCursor
from agent.chat_models.local.local_chat_model import LocalChatModel
from agent.chat_models.mask_protocol import MASK_KEY

MESSAGES = [HumanMessage("Write.")]
VALUES = [0, 0.25, 1, 16, 160, "a", "ab", True, None]


def objects(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


class Falling:
    """Lists of pairs: the next pair has values that come later in VALUES than the last one, or the list ends.

    Only the next pair is narrowed; what would follow it is wrong on purpose.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.asked: list[str] = []
        self._schemas: dict[str, dict[str, Any]] = {}

    def narrow(self, written: str) -> Mapping[str, Any]:
        self.asked.append(written)
        items, start = [], len('{"pairs":[')
        while True:
            try:
                item, end = json.JSONDecoder().raw_decode(written[start:])
            except ValueError:
                break
            items.append(item)
            start += end + 1
        return self._schemas.setdefault(json.dumps(items), self._schema(items))

    def _schema(self, items: list[Any]) -> dict[str, Any]:
        place = VALUES.index(items[-1]["value"]) + 1 if items else self.first
        ends = items and (place % 3 == 0 or place == len(VALUES))
        offered = {"place": {"const": place}, "value": {"enum": VALUES[place:]}}
        array = {
            "type": "array",
            "prefixItems": [{"const": item} for item in items],
            "items": False if ends else objects(offered),
            "minItems": len(items) if ends else len(items) + 1,
            "maxItems": len(items) if ends else len(VALUES),
        }
        return objects({"pairs": array})


def pair_tool(mask: Falling) -> BaseTool:
    pair = objects({"place": {"type": "integer"}, "value": {"enum": VALUES}})
    return StructuredTool.from_function(
        lambda **arguments: arguments,
        name="write_pairs",
        description="Write.",
        args_schema=objects({"pairs": {"type": "array", "items": pair}}),
        metadata={MASK_KEY: mask},
    )


@pytest.mark.parametrize("template", [HERMES, LLAMA, "{{ messages }}"], ids=["marks", "llama", "compact"])
@pytest.mark.parametrize("choice", ["write_pairs", "any"])
def test_a_mask_is_obeyed_to_the_end(open_tiny: Callable[..., LocalChatModel], template: str, choice: str) -> None:
    model = open_tiny(template)
    lengths = set()
    for seed in range(12):
        mask = Falling()
        call = (
            model.bind_tools([pair_tool(mask), whole_tool()], tool_choice=choice)
            .invoke(MESSAGES, seed=seed)
            .tool_calls[0]
        )
        if call["name"] != "write_pairs":
            continue
        places = [VALUES.index(pair["value"]) for pair in call["args"]["pairs"]]
        assert [pair["place"] for pair in call["args"]["pairs"]] == [0, *(place + 1 for place in places[:-1])]
        ends = [(place + 1) % 3 == 0 or place + 1 == len(VALUES) for place in places]
        assert ends == [False] * (len(places) - 1) + [True]
        lengths.add(len(places))
        compact = json.dumps(call["args"], separators=(",", ":"))
        assert all(compact.startswith(written) for written in mask.asked)
    assert len(lengths) > (choice != "any")


def test_a_value_left_alone_costs_no_model_call(open_tiny: Callable[..., LocalChatModel]) -> None:
    answer = open_tiny(HERMES).bind_tools([pair_tool(Falling(first=8))]).invoke(MESSAGES)
    assert answer.tool_calls[0]["args"] == {"pairs": [{"place": 8, "value": None}]}
    assert answer.response_metadata["model_calls"] == 0


def test_the_embedded_model_obeys_a_mask_in_a_stream(smollm2: LocalChatModel) -> None:
    bound = smollm2.bind_tools([pair_tool(Falling())])
    pieces = [part["args"] for chunk in bound.stream(MESSAGES, seed=1) for part in chunk.tool_call_chunks]
    assert json.loads("".join(pieces)) == bound.invoke(MESSAGES, seed=1).tool_calls[0]["args"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=3), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_reading_piece_by_piece_equals_reading_at_once(value: Any, separators: tuple[str, str]) -> None:
    text = (json.dumps(value, separators=separators) + "}\n</tool_call>").encode()
    place = 0
    while place < len(text):
        step = JsonCursor(text[:place]).read_to_decision(text[place:])
        assert step > 0
        place += step


@pytest.mark.parametrize(
    ("written", "goes_on", "decided"),
    [
        ('{"a":1', "6,", "6,"),
        ('{"a":1', ',"b":2', ',"b":'),  # b was not narrowed with a unknown
        ('{"a":"x', 'y","b":"z', 'y","b":'),
        ('{"l":[{"a":1', "}]}", "}"),  # whether the list continues depends on a
        ('{"l":[{"a":1}', ',{"a":2}', ',{"a":2}'),  # the mask knows a: its decision on what comes next is final
        ('{"l":[1', ",2", ","),
        ('{"l":', "[]", "[]"),
        ('{"a":"}', '\\",\\\\', '\\",\\\\'),
        ('{"a":true', "}}\n</tool_call>", "}}\n</tool_call>"),
    ],
)
def test_a_mask_decides_only_the_next_value(written: str, goes_on: str, decided: str) -> None:
    cursor = JsonCursor(written.encode())
    assert cursor.may_take(goes_on.encode()) == (decided == goes_on)
    assert goes_on[: cursor.read_to_decision(goes_on.encode())] == decided


def test_brackets_and_quotes_of_the_next_value_may_be_opened() -> None:
    assert JsonCursor(b'{"a":1').may_take(b',"b":[{"')
    assert JsonCursor(b'{"a":"x').may_take(b'","b":"')
    assert not JsonCursor(b'{"a":[{"b":1').may_take(b'},{"')
