"""One draw under temperature and min_p; schemas drawn uniformly; lists without repeats."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_tools import PARENT, SPACE

from agent.chat_models.baselines import SchemaBaseline, draw_value
from agent.chat_models.local.repeats import forbid_repeats
from agent.chat_models.sampling import draw_index, seeded
from nas.errors import ChatModelError, SettingError
from nas.space.json_schema import edits_schema, whole_design_schema
from nas.space.search_space import Edit

LOGITS = st.lists(st.floats(-50, 50), min_size=1, max_size=20).map(np.array)
EDITS = {"type": "object", "properties": {"edits": edits_schema(SPACE, PARENT)}, "required": ["edits"]}


@given(LOGITS, st.integers(0, 1000), st.floats(0.1, 3), st.floats(0, 1))
def test_a_draw_is_never_less_likely_than_min_p_times_the_likeliest(
    logits: np.ndarray, seed: int, temperature: float, min_p: float
) -> None:
    index = draw_index(logits, random.Random(seed), temperature=temperature, min_p=min_p)
    assert np.exp((logits[index] - logits.max()) / temperature) >= min_p


def test_draws_follow_the_softmax() -> None:
    rng = random.Random(0)
    drawn = Counter(draw_index(np.log([0.5, 0.3, 0.2]), rng, temperature=1, min_p=0) for _ in range(4000))
    assert [drawn[index] / 4000 for index in range(3)] == pytest.approx([0.5, 0.3, 0.2], abs=0.03)


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draw_index(np.array([0.0, 2.0, 1.0]), random.Random(0), temperature=0, min_p=0) == 1


def test_both_seeds_decide_and_machines_agree() -> None:
    assert seeded(1, 2).random() == seeded(1, 2).random() == pytest.approx(0.08841827389941048)
    assert seeded(1, 2).random() != seeded(2, 1).random()


@given(st.integers(0, 10_000))
def test_drawn_designs_and_edits_are_valid(seed: int) -> None:
    rng = random.Random(seed)
    assert SPACE.parse({"stages": draw_value(whole_design_schema(SPACE), rng)})
    edits = [Edit(**edit) for edit in draw_value(EDITS, rng)["edits"]]
    assert len({(edit.stage, edit.field) for edit in edits}) == len(edits) in (2, 3)
    SPACE.apply(PARENT, edits)


def test_every_value_of_a_field_is_drawn_equally_often() -> None:
    schema, rng = whole_design_schema(SPACE), random.Random(0)
    widths = Counter(draw_value(schema, rng)[0]["out_channels"] for _ in range(4000))
    assert set(widths) == set(SPACE.out_channels)
    assert min(widths.values()) > 0.8 * max(widths.values())


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"type": "boolean"}, {False, True}),
        ({"type": "integer", "minimum": 2, "maximum": 4}, {2, 3, 4}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"enum": [0.25, 0.5]}}}, {0.25, 0.5}),
        ({"oneOf": [{"const": 1}, {"const": "x"}]}, {1, "x"}),
    ],
)
def test_other_finite_schemas_are_drawn_from(schema: dict[str, Any], values: set[Any]) -> None:
    rng = random.Random(0)
    assert {draw_value(schema, rng) for _ in range(60)} == values


def test_tuples_are_drawn_item_by_item() -> None:
    schema = {"type": "array", "prefixItems": [{"const": 1}, {"enum": [2, 3]}], "minItems": 2, "maxItems": 2}
    assert draw_value(schema, random.Random(0)) in ([1, 2], [1, 3])


def test_an_endless_schema_is_refused() -> None:
    with pytest.raises(SettingError, match=r'finitely many values; got \{"type": "string"\}'):
        draw_value({"type": "string"}, random.Random(0))


def test_a_baseline_without_tools_says_so() -> None:
    with pytest.raises(ChatModelError, match="random writes no text"):
        SchemaBaseline().invoke("Hello")


def test_an_edited_field_is_not_offered_again() -> None:
    first = {"stage": 1, "field": "kernel_size", "value": 7}
    begun = json.dumps({"edits": [first]}, separators=(",", ":")).removesuffix("]}") + ',{"sta'
    narrowed = forbid_repeats(EDITS, begun)["properties"]["edits"]
    assert narrowed["prefixItems"] == [{"const": first}]
    left = [
        (item["properties"]["stage"]["const"], item["properties"]["field"]["const"])
        for item in narrowed["items"]["anyOf"]
    ]
    assert (1, "kernel_size") not in left
    assert len(left) == len(EDITS["properties"]["edits"]["items"]["anyOf"]) - 1


def test_nothing_changes_before_an_item_is_complete() -> None:
    assert forbid_repeats(EDITS, '{"edits":[{"stage":1,"field":"ker') == EDITS


def test_repeats_stay_allowed_where_variants_run_out() -> None:
    variants = [{"properties": {"a": {"const": number}}} for number in (1, 2)]
    schema = {"properties": {"x": {"type": "array", "items": {"anyOf": variants}, "minItems": 3, "maxItems": 3}}}
    assert forbid_repeats(schema, '{"x":[{"a":1},') == schema
