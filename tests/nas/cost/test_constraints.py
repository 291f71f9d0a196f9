from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from nas.cost import (
    Budget,
    CostlyStage,
    Cure,
    PeakCause,
    StagesCause,
    Violation,
    find_edits,
    find_violations,
    is_legal,
    price,
)
from nas.cost.board import find_board
from nas.cost.screening import price_if_legal, screen_runs
from nas.documents.json_records import RecordError
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace

SPACE = SearchSpace(num_stages=3)
TASK = Task(32, 32, 1, 10)
BUDGET = Budget(macs_min=500_000, macs_max=4_000_000, peak_sram_bytes=48 * 1024, flash_bytes=512 * 1024)


def stage(**fields: Any) -> dict[str, Any]:
    return {
        "block": "DWSepConv",
        "out_channels": 32,
        "kernel_size": 3,
        "stride": 2,
        "se_ratio": 0,
        "skip": False,
        "activation": "relu6",
        "num_blocks": 1,
    } | fields


def parse(*stages: dict[str, Any]) -> Architecture:
    return SPACE.parse({"stages": list(stages)})


LEGAL = parse(stage(stride=1), stage(out_channels=96), stage(out_channels=128))
SWISH = stage(block="MBConv", expansion=6, out_channels=24, stride=1, activation="swish")
TOO_LARGE = parse(SWISH, stage(out_channels=48), stage(out_channels=64))


def draw_illegal(seed: int, count: int) -> list[Architecture]:
    rng = random.Random(seed)
    drawn: list[Architecture] = []
    while len(drawn) < count:
        candidate = SPACE.sample(rng)
        if screen_runs(candidate, TASK) and not price_if_legal(candidate, TASK, BUDGET):
            drawn.append(candidate)
    return drawn


def test_a_legal_architecture_has_no_violations() -> None:
    assert find_violations(LEGAL, SPACE, TASK, BUDGET) == ()


def test_peak_sram_names_operator_stage_and_live_tensors() -> None:
    violations = {found.constraint: found for found in find_violations(TOO_LARGE, SPACE, TASK, BUDGET)}
    found = violations["peak_sram"]
    assert found.value > found.limit == BUDGET.peak_sram_bytes
    assert found.unit == "bytes"
    assert isinstance(found.cause, PeakCause)
    assert found.cause.op == "MUL"
    assert found.cause.stage == 1
    assert found.cause.live_bytes == sum(tensor.num_bytes for tensor in found.cause.live_tensors)
    names = {tensor.name for tensor in found.cause.live_tensors}
    assert {"stage1_block1_expand", "stage1_block1_expand_sigmoid", "stage1_block1_expand_swish"} <= names


def test_the_sentence_states_value_limit_cause_and_cure() -> None:
    found = next(v for v in find_violations(TOO_LARGE, SPACE, TASK, BUDGET) if v.constraint == "peak_sram")
    sentence = found.sentence()
    for part in ("Peak SRAM is", "above the limit of 48.0 KiB (49,152)", "in stage 1", "Cheapest edits", "stage 1 "):
        assert part in sentence
    assert "Cheapest edits" not in found.sentence(with_edits=False)
    assert "\n" not in sentence


def test_macs_below_the_range_are_compared_with_its_lower_end() -> None:
    small = parse(stage(out_channels=16), stage(out_channels=16), stage(out_channels=16))
    found = find_violations(small, SPACE, TASK, BUDGET)[0]
    assert (found.constraint, found.limit) == ("macs", BUDGET.macs_min)
    assert "below the minimum of 0.5 M" in found.sentence()


def test_soft_macs_reject_nothing() -> None:
    soft = BUDGET.model_copy(update={"macs_soft": True, "peak_sram_bytes": 10**6, "flash_bytes": 10**7})
    assert find_violations(TOO_LARGE, SPACE, TASK, soft) == ()


@pytest.mark.parametrize("seed", [0, 1])
def test_every_suggested_edit_leaves_all_limits_kept(seed: int) -> None:
    suggested = 0
    for architecture in draw_illegal(seed, 12):
        for suggestion in find_edits(architecture, SPACE, TASK, BUDGET):
            suggested += 1
            edited = SPACE.apply(architecture, suggestion.edits)
            SPACE.check_resolution(edited, TASK)
            assert price(edited, TASK) == suggestion.price
            assert is_legal(suggestion.price, BUDGET)
    assert suggested > 5


def test_a_single_edit_is_the_one_that_moves_macs_least() -> None:
    for architecture in draw_illegal(2, 12):
        suggestions = find_edits(architecture, SPACE, TASK, BUDGET)
        if not suggestions or len(suggestions[0].changes) > 1:
            continue
        before = price(architecture, TASK).macs
        legal = [
            found.macs
            for edit in SPACE.single_edits(architecture)
            if (found := price_if_legal(SPACE.apply(architecture, [edit]), TASK, BUDGET))
        ]
        best = min(max(macs / before, before / macs) for macs in legal)
        chosen = suggestions[0].price.macs
        assert max(chosen / before, before / chosen) == pytest.approx(best)


def test_two_fields_are_changed_only_when_one_is_not_enough() -> None:
    pairs = 0
    for architecture in draw_illegal(3, 20):
        suggestions = find_edits(architecture, SPACE, TASK, BUDGET)
        if suggestions and len(suggestions[0].changes) == 2:
            pairs += 1
            for edit in SPACE.single_edits(architecture):
                assert price_if_legal(SPACE.apply(architecture, [edit]), TASK, BUDGET) is None
            entry = Cure(suggestions[0].changes, suggestions[0].price.macs).to_dict()
            assert Cure.from_dict(json.loads(json.dumps(entry))).to_dict() == entry
            assert {"stage", "field", "from", "to", "value_after", "together_with"} == set(entry)
    assert pairs


def test_the_same_question_has_the_same_answer() -> None:
    architecture = draw_illegal(4, 1)[0]
    assert find_violations(architecture, SPACE, TASK, BUDGET) == find_violations(architecture, SPACE, TASK, BUDGET)


def test_an_edit_that_would_be_a_duplicate_is_not_suggested() -> None:
    architecture = next(a for a in draw_illegal(5, 20) if find_edits(a, SPACE, TASK, BUDGET))
    first = SPACE.apply(architecture, find_edits(architecture, SPACE, TASK, BUDGET)[0].edits)
    known = {first.fingerprint(TASK.stem_channels)}
    for suggestion in find_edits(architecture, SPACE, TASK, BUDGET, excluded=known):
        assert SPACE.apply(architecture, suggestion.edits).fingerprint(TASK.stem_channels) not in known


def test_a_violation_has_the_documented_json_form() -> None:
    entry = find_violations(TOO_LARGE, SPACE, TASK, BUDGET)[0].to_dict()
    assert {"constraint", "value", "limit", "unit", "cause", "cheapest_edits"} == set(entry)
    assert {"stage", "field", "from", "to", "value_after"} <= set(entry["cheapest_edits"][0])


def test_every_kind_of_violation_survives_its_json_form() -> None:
    tight = BUDGET.model_copy(update={"macs_max": BUDGET.macs_min, "flash_bytes": 1_000})
    found = find_violations(TOO_LARGE, SPACE, TASK, tight, with_edits=False)
    assert [one.constraint for one in found] == ["macs", "peak_sram", "flash"]
    cured = find_violations(TOO_LARGE, SPACE, TASK, BUDGET)
    assert any(one.cheapest_edits for one in cured)
    for one in (*found, *cured):
        again = Violation.from_dict(json.loads(json.dumps(one.to_dict())))
        assert again == replace(one, searched=True)
        assert json.dumps(again.to_dict()) == json.dumps(one.to_dict())


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("constraint",), "latency", r"'constraint' must be 'macs' or 'peak_sram' or 'flash'; got 'latency'"),
        (("limit",), None, r"'limit' must be a whole number; got None"),
        (("cause",), None, r"'cause.stages' must be a list of stages; got None"),
        (("cause", "stages", 0, "macs"), "x", r"'cause.stages.amount' must be a whole number; got 'x'"),
        (("cheapest_edits", 0, "stage"), "1", r"'stage' must be a whole number; got '1'"),
    ],
)
def test_a_damaged_violation_names_what_is_wrong(place: tuple[Any, ...], value: object, message: str) -> None:
    edits = find_edits(TOO_LARGE, SPACE, TASK, BUDGET)
    cause = StagesCause("macs", (CostlyStage(1, 900_000, 0.9), CostlyStage("head", 100_000, 0.1)))
    data: Any = Violation("macs", 10**6, 10**5, "MACs", cause, (Cure(edits[0].changes, 90_000),)).to_dict()
    part = data
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    with pytest.raises(RecordError, match=message):
        Violation.from_dict(data)


def test_a_board_only_caps_a_budget() -> None:
    board = find_board("nrf52840")
    assert BUDGET.capped(board) == BUDGET
    wide = BUDGET.model_copy(update={"peak_sram_bytes": 10**7, "flash_bytes": 10**8})
    assert wide.capped(board).peak_sram_bytes == board.arena_bytes
    assert wide.capped(board).flash_bytes == board.flash_bytes


def test_a_budget_with_its_ends_swapped_is_refused() -> None:
    with pytest.raises(ValidationError, match="macs_min must not exceed macs_max"):
        Budget(macs_min=2, macs_max=1, peak_sram_bytes=1, flash_bytes=1)
