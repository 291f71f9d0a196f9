"""Answers in sentences hold the figures of the records and of the estimators, computed here independently."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost import find_violations, price
from nas.explanation.comparisons import Objective, compare, rank
from nas.explanation.effects import find_effect
from nas.explanation.measurements import describe_accuracy, describe_delivery, describe_limits, describe_one_stage
from nas.explanation.overview import count_outcomes, describe_run
from nas.explanation.verdicts import describe_effect, describe_verdict, explain_briefly
from nas.records.run_records import RunRecords
from nas.space.search_space import SchemaError

TRAINED = ("c001", "c004", "c006", "c008", "c009", "c011")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_what_if_is_told_with_the_price_of_the_changed_network(
    example_records: RunRecords, data: st.DataObject
) -> None:
    records, candidate = example_records, data.draw(st.sampled_from(TRAINED))
    architecture = records.architecture(candidate)
    edits = data.draw(st.lists(st.sampled_from(list(records.space.single_edits(architecture))), min_size=1, max_size=3))
    edits = list({(edit.stage, edit.field): edit for edit in edits}.values())
    try:
        effect = find_effect(records, candidate, edits)
    except SchemaError:
        return  # a stage would shrink to one pixel
    text, after = describe_effect(effect, records), records.space.apply(architecture, edits)
    if effect.is_same_network:
        assert "it is the same network" in text
        return
    cost = price(after, records.task)
    for words in (
        f"(then {cost.macs / 1e6:.2f} M MACs)",
        f"(then {cost.params:,})",
        f"(then {cost.arena_bytes / 1024:.1f} KiB)",
    ):
        assert words in text
    broken = find_violations(after, records.space, records.task, records.budget, with_edits=False)
    assert ("it keeps every limit" in text) == (not broken)


@pytest.mark.parametrize("by", ["accuracy", "macs", "params", "peak_sram", "flash"])
@pytest.mark.parametrize("lowest", [True, False])
def test_a_ranking_is_in_order(example_records: RunRecords, by: Objective, lowest: bool) -> None:
    order = re.findall(r"(c\d{3}) ", rank(example_records, by, lowest=lowest).splitlines()[0].split(": ")[1])
    cost = {"macs": "macs", "params": "params", "peak_sram": "arena_bytes", "flash": "flash_bytes"}

    def figure(candidate: str) -> float:
        trial = example_records.find(candidate)
        return trial.validation_accuracy or 0.0 if by == "accuracy" else getattr(trial.priced, cost[by])

    assert sorted(order) == sorted(TRAINED)
    assert order == sorted(order, key=figure, reverse=not lowest)


def test_outcomes_are_counted_by_state_and_limit(example_records: RunRecords) -> None:
    text = count_outcomes(example_records)
    for words in (
        "12 proposals were made",
        "6 trained: c001, c004, c006, c008, c009, c011",
        "3 rejected before training: c002, c007, c012",
        "1 invalid",
        "1 a duplicate: c005",
        "2 trained and off the front: c001, c009",
        "2 broke the limit of MACs: c007, c012",
        "3 broke the limit of peak SRAM",
        "1 broke the limit of flash: c007",
    ):
        assert words in text


@pytest.mark.parametrize("first", TRAINED)
@pytest.mark.parametrize("second", TRAINED)
def test_dominance_is_told_as_the_figures_have_it(example_records: RunRecords, first: str, second: str) -> None:
    text = compare(example_records, first, second)
    one, two = example_records.find(first), example_records.find(second)

    def vector(trial: object) -> tuple[float, int, int]:
        costs = trial.costs  # type: ignore[attr-defined]
        return -(trial.validation_accuracy or 0.0), costs.macs, costs.params  # type: ignore[attr-defined]

    def dominates(better: tuple[float, int, int], worse: tuple[float, int, int]) -> bool:
        return better != worse and all(mine <= its for mine, its in zip(better, worse, strict=True))

    assert (f"{first} dominates {second}" in text) == dominates(vector(one), vector(two))
    assert (f"{second} dominates {first}" in text) == dominates(vector(two), vector(one))


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        ("c002", ["rejected before training", "79.4 KiB", "limit of 48.0 KiB", "expansion 6 -> 3"]),
        ("c003", ["invalid", "kernel_size must be one of 3, 5, 7; got 4"]),
        ("c005", ["a duplicate", "the same network as c001"]),
        ("c009", ["not on the Pareto front", "c004 dominates it", "93.06%", "92.01%"]),
        (
            "c010",
            [
                "a failed training",
                "no longer a number",
                "start from c009",
                "MACs are 11.4 M, above the limit of 4 M.",
            ],
        ),
        ("c011", ["97.92%", "on the Pareto front, number 1", "selected for delivery", "start from c008"]),
    ],
)
def test_a_verdict_says_how_it_ended_and_why(example_records: RunRecords, candidate: str, words: list[str]) -> None:
    text = describe_verdict(example_records, candidate)
    for part in words:
        assert part in text, text


def test_every_answer_about_every_proposal_comes_out(example_records: RunRecords) -> None:
    for trial in example_records.trials:
        assert trial.id in describe_verdict(example_records, trial.id)
        assert trial.id in explain_briefly(example_records, trial.id)
        assert trial.id in describe_accuracy(example_records, trial.id)
        if trial.architecture is not None:
            assert trial.id in describe_limits(example_records, trial.id)
            assert trial.id in describe_one_stage(example_records, trial.id, 1)


def test_the_run_is_told_with_its_limits_and_its_goal(example_records: RunRecords) -> None:
    text = describe_run(example_records)
    for words in ("digits at 32x32x1, 10 classes", "nrf52840", "0.50 to 4.00 M MACs", "48.0 KiB", "seed 0",
                  "at least 98.00% accuracy", "12 proposals, 6 trained", "delivered: c011"):  # fmt: skip
        assert words in text, text


def test_a_delivery_is_told_with_its_figures_and_others_are_not(example_records: RunRecords) -> None:
    text = describe_delivery(example_records, "c011")
    assert "98.61% float, 98.33% int8 in TFLM" in text
    assert "359 images" in text
    assert "c004 was not delivered; delivered: c011" in describe_delivery(example_records, "c004")
