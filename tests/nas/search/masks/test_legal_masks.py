"""Masks by exact costs: what they offer leads to legal and new networks, at every choice and to the end."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_examples import BUDGET, SPACE, TASK

from nas.cost import Budget, sample_feasible
from nas.cost.screening import price_if_legal
from nas.search.masks import DesignMask, EditMask, OpenSpace, complete_items
from nas.search.masks.begun_json import complete_members
from nas.space.architecture import Architecture, Task
from nas.space.search_space import STAGE_FIELDS, Edit, SearchSpace

PAPER = (
    SearchSpace(),
    Task(160, 160, 3, 100),
    Budget(macs_min=70_000_000, macs_max=350_000_000, peak_sram_bytes=327_680, flash_bytes=2_097_152),
)
SMALL = (SPACE, TASK, BUDGET)
TASKS = pytest.mark.parametrize("where", [PAPER, SMALL], ids=["paper", "small"])


def open_space(where: Any, *known: str) -> OpenSpace:
    return OpenSpace(*where, known=set(known))


def parent_of(where: Any, seed: int) -> Architecture:
    return sample_feasible(*where, random.Random(seed))


def write_design(mask: DesignMask, space: SearchSpace, rng: random.Random) -> dict[str, Any]:
    """A design written choice by choice, through the schemas a decoder sees."""
    written = '{"stages":['
    stages: list[dict[str, Any]] = []
    for number in range(space.num_stages):
        stage: dict[str, Any] = {}
        written += ("," if number else "") + "{"
        for field in STAGE_FIELDS:
            schema = mask.narrow(written)["properties"]["stages"]
            assert [fixed["const"] for fixed in schema["prefixItems"][:-1]] == stages
            choices = schema["prefixItems"][-1]["properties"][field]["enum"]
            assert choices, (stages, stage, field)
            assert mask.narrow(written) is mask.narrow(written)
            stage[field] = rng.choice(choices)
            written += f"{json.dumps(field)}:{json.dumps(stage[field])}"
            written += "," if len(stage) < len(STAGE_FIELDS) else "}"
        stages.append(stage)
    return {"stages": stages}


@TASKS
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_every_design_written_under_the_mask_is_legal_and_new(where: Any, seed: int) -> None:
    space, task, _ = where
    design = space.parse(write_design(DesignMask(open_space(where), random.Random(seed)), space, random.Random(seed)))
    assert price_if_legal(design, *where[1:])
    fingerprint = design.fingerprint(task.stem_channels)
    again = DesignMask(open_space(where, fingerprint), random.Random(seed))
    other = space.parse(write_design(again, space, random.Random(seed)))
    assert other.fingerprint(task.stem_channels) != fingerprint


def test_a_mask_of_designs_offers_what_uniform_legal_draws_hold() -> None:
    """The first choices: whatever legal draws begin with is offered (later ones depend on what was written)."""
    space = PAPER[0]
    mask = DesignMask(open_space(PAPER), random.Random(0))
    drawn = [sample_feasible(*PAPER, random.Random(seed)).stages[0] for seed in range(60)]
    begun: dict[str, Any] = {}
    for field in STAGE_FIELDS:
        offered = mask.options([], begun)
        alike = [
            stage for stage in drawn if all(getattr(stage, name) in (value, None) for name, value in begun.items())
        ]
        assert {getattr(stage, field) for stage in alike} - {None} <= set(offered), field
        begun[field] = offered[0]
    assert set(mask.options([], {})) <= set(space.block)


def test_a_mask_of_designs_leaves_out_what_cannot_be_legal() -> None:
    """At 160x160 the expanded tensor of an MBConv in stage 1 alone breaks 320 KiB, whatever follows."""
    assert DesignMask(open_space(PAPER), random.Random(0)).options([], {}) == ["DWSepConv"]


@TASKS
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_every_edit_list_written_under_the_mask_is_legal_and_new(where: Any, seed: int) -> None:
    space, task, _ = where
    rng, parent = random.Random(seed), parent_of(where, seed)
    known = parent.fingerprint(task.stem_channels)
    mask = EditMask("c001", parent, open_space(where, known))
    assert mask.offers_any()
    edits: list[Edit] = []
    while True:
        options, may_end = mask.options(edits)
        assert options or may_end
        if may_end and (not options or rng.random() < 0.5):
            break
        edits.append(rng.choice(options))
    edited = space.apply(parent, edits)
    assert len(edits) in (2, 3)
    assert price_if_legal(edited, *where[1:])
    assert edited.fingerprint(task.stem_channels) != known


def test_what_an_edit_mask_leaves_out_has_no_legal_way_on() -> None:
    space, task, budget = PAPER
    parent = parent_of(PAPER, 1)
    mask = EditMask("c001", parent, open_space(PAPER, parent.fingerprint(task.stem_channels)))
    offered, _ = mask.options([])
    left_out = [edit for edit in space.single_edits(parent) if edit not in offered]
    assert left_out
    for edit in left_out:
        for second in space.single_edits(parent):
            if (second.stage, second.field) != (edit.stage, edit.field):
                assert price_if_legal(space.apply(parent, [edit, second]), task, budget) is None


def test_an_edit_schema_fixes_what_is_written_and_ends_only_where_it_may() -> None:
    parent = parent_of(PAPER, 1)
    mask = EditMask("c001", parent, open_space(PAPER))
    first = mask.options([])[0][0]
    schema = mask.narrow('{"candidate_id":"c001","edits":[' + json.dumps(first.to_dict(), separators=(",", ":")))
    edits = schema["properties"]["edits"]
    assert schema["properties"]["candidate_id"] == {"const": "c001"}
    assert edits["prefixItems"] == [{"const": first.to_dict()}]
    assert (edits["minItems"], edits["maxItems"]) == (2, 3)
    last = mask.options([first])[0]
    ends = {mask.options([first, second])[1] for second in last}
    for second in last:
        options, may_end = mask.options([first, second])
        array = mask._schema([first.to_dict(), second.to_dict()])["properties"]["edits"]
        assert array["minItems"] == (2 if may_end else 3)
        assert array["maxItems"] == (3 if options else 2)
    assert True in ends


def test_a_block_turned_into_mbconv_may_be_given_its_expansion() -> None:
    where = SMALL
    parent = next(a for seed in range(50) if (a := parent_of(where, seed)).stages[2].block == "DWSepConv")
    mask = EditMask("c001", parent, open_space(where))
    turned = Edit(3, "block", "MBConv")
    assert turned in mask.options([])[0]
    assert any(edit.field == "expansion" and edit.stage == 3 for edit in mask.options([turned])[0])
    assert not any(edit.field == "expansion" and edit.stage == 3 for edit in mask.options([])[0])


@pytest.mark.parametrize(
    ("written", "items", "rest"),
    [
        ("", [], ""),
        ('{"stages":[', [], ""),
        ('{"stages":[{"a":1},{"a":', [{"a": 1}], '{"a":'),
        ('{"stages":[{"a":"]},{"},', [{"a": "]},{"}], ""),
        ('{"other":[{"a":1}]', [], ""),
    ],
)
def test_items_that_are_complete(written: str, items: list[Any], rest: str) -> None:
    assert complete_items(written, "stages") == (items, rest)


@pytest.mark.parametrize(
    ("begun", "members"),
    [
        ("", {}),
        ('{"a":16', {}),
        ('{"a":16,', {"a": 16}),
        ('{"a":16,"b":"x","c', {"a": 16, "b": "x"}),
        ('{"a":"x,y"', {"a": "x,y"}),
        ('{"a":"x,y', {}),
        ('{"a":true}', {"a": True}),
    ],
)
def test_members_that_are_complete(begun: str, members: dict[str, Any]) -> None:
    assert complete_members(begun) == members
