from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.space.architecture import Task, plan_blocks
from nas.space.json_schema import edits_schema, whole_design_schema
from nas.space.search_space import STAGE_FIELDS, Edit, SchemaError, SearchSpace

SPACE = SearchSpace()
seeds = st.integers(0, 2**32)


def test_a_stage_has_the_papers_17280_configurations_and_25920_with_both_se_ratios() -> None:
    assert SPACE.count_stage_configurations(se_on_off=True) == 17_280
    assert SPACE.count_stage_configurations() == 25_920


@given(seeds)
def test_what_is_written_is_read_back(seed: int) -> None:
    architecture = SPACE.sample(random.Random(seed))
    assert SPACE.parse(architecture.to_dict()) == architecture


@given(seeds)
def test_the_canonical_form_is_its_own_canonical_form_and_plans_the_same_blocks(seed: int) -> None:
    architecture = SPACE.sample(random.Random(seed))
    canonical = architecture.canonical(16)
    task = Task(160, 160, 3, 100)
    assert canonical.canonical(16) == canonical
    assert plan_blocks(canonical, task) == plan_blocks(architecture, task)
    assert canonical.fingerprint(16) == architecture.fingerprint(16)


@given(seeds)
def test_every_single_edit_changes_exactly_one_written_field_or_settles_the_expansion(seed: int) -> None:
    architecture = SPACE.sample(random.Random(seed))
    for edit in SPACE.single_edits(architecture):
        edited = SPACE.apply(architecture, [edit])
        changed = [
            (number, field)
            for number, (before, after) in enumerate(zip(architecture.stages, edited.stages, strict=True), start=1)
            for field in STAGE_FIELDS
            if getattr(before, field) != getattr(after, field)
        ]
        allowed = {(edit.stage, edit.field)} | ({(edit.stage, "expansion")} if edit.field == "block" else set())
        assert changed
        assert set(changed) <= allowed


@given(seeds, st.permutations(range(3)))
def test_the_order_of_edits_of_distinct_fields_does_not_matter(seed: int, order: list[int]) -> None:
    rng = random.Random(seed)
    architecture = SPACE.sample(rng)
    edits = [Edit(1, "expansion", 6), Edit(1, "block", "MBConv"), Edit(2, "stride", 2)]
    assert SPACE.apply(architecture, edits) == SPACE.apply(architecture, [edits[i] for i in order])


def test_an_expansion_on_a_depthwise_stage_is_the_same_network() -> None:
    architecture = SPACE.sample(random.Random(1))
    stage = replace(architecture.stages[0], block="DWSepConv", expansion=None)
    plain = replace(architecture, stages=(stage, *architecture.stages[1:]))
    expanded = replace(architecture, stages=(replace(stage, expansion=6), *architecture.stages[1:]))
    assert plain.fingerprint(16) == expanded.fingerprint(16)


def test_a_skip_counts_only_where_it_can_apply() -> None:
    stage = replace(SPACE.sample(random.Random(1)).stages[0], out_channels=24, stride=2, num_blocks=1)
    rest = SPACE.sample(random.Random(1)).stages[1:]
    base = SPACE.sample(random.Random(1))
    without, useless = (replace(base, stages=(replace(stage, skip=skip), *rest)) for skip in (False, True))
    assert without.fingerprint(16) == useless.fingerprint(16)
    deeper = [replace(base, stages=(replace(stage, skip=skip, num_blocks=2), *rest)) for skip in (False, True)]
    assert deeper[0].fingerprint(16) != deeper[1].fingerprint(16)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("kernel_size", 4, "stage 2: kernel_size must be one of 3, 5, 7; got 4"),
        ("kernel_size", "3", "stage 2: kernel_size must be one of 3, 5, 7; got '3'"),
        ("kernel_size", 3.0, "stage 2: kernel_size must be one of 3, 5, 7; got 3.0"),
        ("stride", True, "stage 2: stride must be one of 1, 2; got True"),
        ("skip", 1, "stage 2: skip must be one of false, true; got 1"),
        ("block", None, "stage 2: block must be one of DWSepConv, MBConv; got None"),
        ("out_channels", [16], "stage 2: out_channels must be one of 16, 24, 32, 48, 64, 96, 128, 160; got [16]"),
        ("colour", "red", "stage 2: colour is not a field of a stage; got 'red'"),
    ],
)
def test_a_wrong_value_is_named_with_its_stage_field_and_the_allowed_values(
    field: str, value: object, message: str
) -> None:
    data = SPACE.sample(random.Random(3)).to_dict()
    data["stages"][1][field] = value
    with pytest.raises(SchemaError) as caught:
        SPACE.parse(data)
    assert message in str(caught.value)


def test_a_missing_field_is_named() -> None:
    data = SPACE.sample(random.Random(3)).to_dict()
    del data["stages"][4]["stride"]
    with pytest.raises(SchemaError, match=r"stage 5: stride must be one of 1, 2; got 'nothing'"):
        SPACE.parse(data)


@pytest.mark.parametrize("data", [None, [], {"stages": 3}, {"stages": [], "more": 1}, "text", {"stages": [1, 2]}])
def test_anything_but_an_architecture_is_refused(data: object) -> None:
    with pytest.raises(SchemaError):
        SPACE.parse(data)


def test_a_ratio_written_as_zero_point_zero_is_the_same_network() -> None:
    data = SPACE.sample(random.Random(3)).to_dict()
    data["stages"][0]["se_ratio"] = 0
    integer = SPACE.parse(data)
    data["stages"][0]["se_ratio"] = 0.0
    assert SPACE.parse(data).fingerprint(16) == integer.fingerprint(16)


def test_a_stage_that_shrinks_to_one_pixel_is_named() -> None:
    data = SPACE.sample(random.Random(3)).to_dict()
    for stage in data["stages"]:
        stage["stride"] = 2
    with pytest.raises(SchemaError, match=r"stage 4: stride must leave more than one pixel of the 2x2"):
        SPACE.check_resolution(SPACE.parse(data), Task(32, 32, 1, 10))


def test_schemas_hold_the_spaces_values_and_only_edits_that_change_something() -> None:
    architecture = SPACE.sample(random.Random(5))
    stages = whole_design_schema(SPACE)
    assert stages["minItems"] == stages["maxItems"] == 5
    assert stages["items"]["properties"]["num_blocks"]["enum"] == [1, 2, 3, 4, 6]
    variants = edits_schema(SPACE, architecture)["items"]["anyOf"]
    listed = {
        (variant["properties"]["stage"]["const"], variant["properties"]["field"]["const"], value)
        for variant in variants
        for value in variant["properties"]["value"]["enum"]
    }
    assert listed == {(edit.stage, edit.field, edit.value) for edit in SPACE.single_edits(architecture)}
