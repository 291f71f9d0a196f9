"""Niches, the trial index, and where the next design starts from."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st
from search_examples import BUDGET, make_costs

from nas.cost import Budget
from nas.cost.screening import price_if_legal
from nas.search.niches import find_emptiest, find_niche, find_witnesses, split_niches
from nas.search.parents import rank_parents
from nas.search.pareto import find_front
from nas.search.steering import pick_niche
from nas.search.trial import Trial
from nas.search.trial_index import TrialIndex
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

NICHES = split_niches(BUDGET, 4)


def trained(number: int, accuracy: float, macs: int, params: int = 1000) -> Trial:
    costs = make_costs(macs, params)
    return Trial(number, "trained", "test", fingerprint=f"f{number}", costs=costs, validation_accuracy=accuracy)


@given(st.integers(1, 12), st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1))
@example(6, 100, 3, 0.5)
@example(3, 100, 0, 0.5)
def test_every_legal_network_lies_in_exactly_one_niche(count: int, low: int, width: int, share: float) -> None:
    budget = BUDGET.model_copy(update={"macs_min": low, "macs_max": max(1, low + width)})
    niches = split_niches(budget, count)
    assert 1 <= len(niches) <= count
    assert all(niche.macs_min <= niche.macs_max for niche in niches)
    macs = round(low + share * (budget.macs_max - low))
    assert sum(niche.macs_min <= macs <= niche.macs_max for niche in niches) == 1
    index = find_niche(niches, macs)
    assert index is not None
    assert niches[index].narrow(budget).macs_max <= budget.macs_max


def test_niches_without_a_legal_network_are_not_aimed_at() -> None:
    """At 160x160 nothing far above 200 M MACs fits 320 KiB, though the paper's range extends to 350 M."""
    budget = Budget(macs_min=70_000_000, macs_max=350_000_000, peak_sram_bytes=327_680, flash_bytes=2_097_152)
    niches, task = split_niches(budget, 6), Task(160, 160, 3, 100)
    found = find_witnesses(SearchSpace(), task, budget, niches)
    assert {0, 1, 2, 3} <= found.keys() <= {0, 1, 2, 3, 4}
    assert all(price_if_legal(witness, task, niches[index].narrow(budget)) for index, witness in found.items())
    assert found == find_witnesses(SearchSpace(), task, budget, niches)


def test_without_niches_there_is_no_steering() -> None:
    assert split_niches(BUDGET, 0) == ()
    assert pick_niche(TrialIndex([], ()), (), random.Random(0)) is None
    assert find_niche(NICHES, BUDGET.macs_max + 1) is None


def test_niches_are_equally_wide_in_log_macs() -> None:
    open_below = split_niches(BUDGET.model_copy(update={"macs_min": 0}), 5)
    assert open_below[0].macs_min == 0
    ratios = [niche.macs_max / niche.macs_min for niche in (*NICHES, *open_below[1:])]
    assert max(ratios[4:]) / min(ratios[4:]) < 1.01
    assert max(ratios[:4]) / min(ratios[:4]) < 1.01


def test_the_emptiest_niche_is_aimed_at() -> None:
    assert find_emptiest(range(4), {0: 2, 1: 1, 3: 1}) == [2]
    assert find_emptiest((0, 1, 3), {0: 2, 1: 1, 3: 1}) == [1, 3]
    index = TrialIndex([trained(number, 0.5, NICHES[0].macs_min) for number in range(1, 4)], NICHES)
    assert {pick_niche(index, range(4), random.Random(seed)) for seed in range(40)} == {1, 2, 3}
    assert {pick_niche(index, (0, 2), random.Random(seed)) for seed in range(40)} == {2}


def test_parents_of_empty_niches_are_preferred_to_those_of_full_ones() -> None:
    crowd = [trained(number, 0.5 + number / 100, NICHES[0].macs_min, 500) for number in range(1, 11)]
    lonely = trained(11, 0.1, NICHES[3].macs_max, 9000)  # dominated by all of them, but alone in its niche
    index = TrialIndex([*crowd, lonely], NICHES)
    assert lonely not in index.front
    drawn = Counter(rank_parents(index, random.Random(seed), 1)[0].id for seed in range(400))
    assert 120 < drawn["c011"] < 240  # half of the draws go to niches, 10 in 11 of those to the lonely one
    assert drawn["c010"] == 400 - drawn["c011"]


POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5)), max_size=30)


@given(POINTS)
def test_the_front_kept_up_to_date_is_the_front_of_all(points: list[tuple[int, int, int]]) -> None:
    trials = [trained(number, a / 10, m * 100_000, p) for number, (a, m, p) in enumerate(points, start=1)]
    index = TrialIndex(trials, NICHES)
    assert index.front == find_front(trials)
    assert index.most_accurate == max(trials, key=lambda t: (t.validation_accuracy, -t.number), default=None)
    assert sum(index.niche_counts.values()) == len(trials)


def test_a_trial_that_goes_on_is_counted_once() -> None:
    index = TrialIndex([], NICHES)
    index.put(Trial(1, "proposed", "test", fingerprint="f1"))
    index.put(Trial(1, "rejected", "test", fingerprint="f1", reason="too large"))
    index.put(Trial(2, "duplicate", "test", fingerprint="f1"))
    assert (index.counts["proposed"], index.counts["rejected"], index.counts["duplicate"]) == (0, 1, 1)
    assert len(index.all()) == 2
    first = index.first_with("f1")
    assert first
    assert first.id == "c001"
    assert [trial.id for trial in index.recent_rejected] == ["c001"]


def test_members_of_the_front_that_were_edited_less_are_preferred() -> None:
    members = [trained(1, 0.9, 500_000, 1000), trained(2, 0.8, 400_000, 900)]
    children = [Trial(number, "rejected", "test", parent="c001") for number in range(3, 12)]
    index = TrialIndex([*members, *children], ())
    drawn = Counter(rank_parents(index, random.Random(seed), 1)[0].id for seed in range(300))
    assert drawn["c002"] > 5 * drawn["c001"] > 0


def test_a_duplicate_never_owns_a_network() -> None:
    """It may be on disk before the legal original, which waits in a checkpoint when the process is killed."""
    index = TrialIndex([Trial(3, "duplicate", "test", fingerprint="f1")], ())
    assert index.first_with("f1") is None
    index.put(Trial(2, "rejected", "test", fingerprint="f1"))
    index.put(Trial(1, "proposed", "test", fingerprint="f1"))
    first = index.first_with("f1")
    assert first
    assert first.number == 1


def test_a_network_that_was_left_untrained_may_be_proposed_again() -> None:
    index = TrialIndex([Trial(1, "proposed", "test", fingerprint="f1")], ())
    index.put(Trial(1, "untrained", "test", fingerprint="f1"))
    assert index.first_with("f1") is None
    assert "f1" not in index.fingerprints
