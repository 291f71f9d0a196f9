"""Claims that the system derives: every sentence passes the check applied to a language model's claims."""

from __future__ import annotations

import re

import pytest

from nas.cost import find_violations, price
from nas.errors import ProposalError
from nas.explanation.checking import gather_facts
from nas.explanation.claims import derive_claims
from nas.explanation.counterfactuals import find_counterfactuals
from nas.explanation.effects import find_effect, list_differences
from nas.explanation.explanation import explain_by_system, read_selection, write_markdown
from nas.explanation.statements import read_quantities
from nas.records.explained import Explanation
from nas.records.run_records import RunRecords
from nas.space.search_space import Edit
from nas.statistics import half_width_of_difference, wilson_interval

TRAINED = ("c001", "c004", "c006", "c008", "c009", "c011")


def test_the_claims_of_the_winner_cover_what_an_explanation_needs(example_records: RunRecords) -> None:
    claims = derive_claims(example_records, "c011")
    assert {claim.topic for claim in claims} == {
        *("choice", "change", "limit", "cost", "memory", "front", "training", "stage", "counterfactual"),
    }
    told = "\n".join(claim.sentence for claim in claims)
    assert "best validation accuracy of the front, 97.92%" in told
    assert "stage 3 num_blocks 2 -> 3, stage 3 se_ratio 0 -> 0.25" in told
    assert "The tightest limit is peak SRAM 46.0 KiB of 48.0 KiB (96%)" in told
    assert "Against c006" in told
    assert "within what chance explains" in told


def test_a_dominated_candidate_names_what_dominates_it(example_records: RunRecords) -> None:
    told = "\n".join(claim.sentence for claim in derive_claims(example_records, "c001"))
    assert "not on the front: c008 dominates it" in told
    assert example_records.is_on_front == {"c004", "c006", "c008", "c011"}


def test_what_never_was_a_network_has_no_claims(example_records: RunRecords) -> None:
    assert derive_claims(example_records, "c003") == ()
    with pytest.raises(ProposalError, match="there is no candidate c404"):
        derive_claims(example_records, "c404")


@pytest.mark.parametrize("candidate", TRAINED)
def test_no_stage_claim_holds_a_figure_that_is_not_on_record(example_records: RunRecords, candidate: str) -> None:
    facts = gather_facts(example_records, candidate)
    for claim in derive_claims(example_records, candidate):
        if claim.topic not in ("stage", "cost", "limit", "training"):
            continue
        number = re.search(r"[Ss]tage (\d)", claim.subject + claim.sentence)
        known = [*facts.whole.items(), *(facts.of_stages[int(number[1]) - 1].items() if number else ())]
        for quantity in read_quantities(claim.sentence):
            if quantity.unit in ("macs", "params") and "stem" not in claim.subject + claim.sentence.lower():
                assert any(
                    quantity.equals(value) for unit, values in known if unit == quantity.unit for value in values
                ), (claim.sentence, quantity)


@pytest.mark.parametrize("candidate", TRAINED)
def test_counterfactuals_are_what_the_estimators_say(example_records: RunRecords, candidate: str) -> None:
    records, trial = example_records, example_records.find(candidate)
    effects = find_counterfactuals(records, trial)
    assert effects
    assert len({effect.edits[0].field for effect in effects}) == len(effects)
    for effect in effects:
        after = records.space.apply(records.architecture(candidate), effect.edits)
        assert effect.price_after == price(after, records.task)
        broken = find_violations(after, records.space, records.task, records.budget, with_edits=False)
        assert [found.constraint for found in effect.violations] == [found.constraint for found in broken]
        assert not effect.is_same_network


def test_an_effect_knows_when_the_run_tried_it(example_records: RunRecords) -> None:
    effect = find_effect(example_records, "c006", [Edit(3, "num_blocks", 3), Edit(3, "se_ratio", 0.25)])
    assert effect.known is not None
    assert effect.known.id == "c011"
    same = find_effect(example_records, "c001", [Edit(1, "expansion", 6)])
    assert same.is_same_network


def test_the_differences_of_two_networks_turn_one_into_the_other(example_records: RunRecords) -> None:
    for first in TRAINED:
        for second in TRAINED:
            one, two = example_records.architecture(first), example_records.architecture(second)
            edited = example_records.space.apply(one, list_differences(one, two))
            assert edited.canonical(16) == two.canonical(16)


def test_a_selection_keeps_order_and_drops_unknown_ids_and_repeats(example_records: RunRecords) -> None:
    claims = derive_claims(example_records, "c011")
    assert read_selection(claims, ["k3", "k1", "k3", "k999", "nonsense"]) == (claims[2], claims[0])


def test_the_page_says_who_chose_and_what_was_checked(example_records: RunRecords) -> None:
    claims = derive_claims(example_records, "c011")
    explanation = explain_by_system("c011", claims, "nobody was asked <b>")
    text = write_markdown(explanation, example_records)
    assert "The system chose these statements itself: nobody was asked \\<b>" in text
    assert "## What else was at hand" in text
    again = Explanation.from_dict(explanation.to_dict())
    assert write_markdown(again, example_records) == text


@pytest.mark.parametrize(("accuracy", "count"), [(0.0, 10), (1.0, 10), (0.5, 1), (0.9792, 288)])
def test_an_interval_holds_its_accuracy_and_stays_within_0_and_1(accuracy: float, count: int) -> None:
    interval = wilson_interval(accuracy, count)
    assert 0 <= interval.low <= accuracy <= interval.high <= 1


def test_wilsons_interval_is_the_published_one() -> None:
    interval = wilson_interval(81 / 263, 263)  # Newcombe 1998, example (a): 0.2553 to 0.3662
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)
    assert half_width_of_difference(0.5, 0.5, 200) == pytest.approx(1.959964 * (0.5 / 200) ** 0.5)
