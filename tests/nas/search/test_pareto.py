from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_examples import make_costs

from nas.search.pareto import find_front, find_most_accurate, find_trends, measure_hypervolume
from nas.search.trial import Trial
from nas.space.search_space import SearchSpace

ARCHITECTURE = SearchSpace().sample(random.Random(0))
points = st.tuples(st.integers(0, 20).map(lambda x: x / 20), st.integers(1, 9), st.integers(1, 9))


def trained(number: int, accuracy: float, macs: int, params: int) -> Trial:
    costs = make_costs(macs, params)
    return Trial(number, "trained", "propose_architecture", ARCHITECTURE, validation_accuracy=accuracy, costs=costs)


def dominates(a: Trial, b: Trial) -> bool:
    no_worse = (
        (a.validation_accuracy or 0) >= (b.validation_accuracy or 0)
        and a.priced.macs <= b.priced.macs
        and a.priced.params <= b.priced.params
    )
    return no_worse and (a.validation_accuracy, a.costs) != (b.validation_accuracy, b.costs)


@given(st.lists(points, max_size=25))
def test_the_front_is_exactly_what_nothing_dominates(found: list[tuple[float, int, int]]) -> None:
    trials = [trained(number, *point) for number, point in enumerate(found, start=1)]
    expected = {trial.id for trial in trials if not any(dominates(other, trial) for other in trials)}
    assert {trial.id for trial in find_front(trials)} == expected


@given(st.lists(points, min_size=1, max_size=25))
def test_the_most_accurate_candidate_leads_the_front(found: list[tuple[float, int, int]]) -> None:
    trials = [trained(number, *point) for number, point in enumerate(found, start=1)]
    best = find_most_accurate(trials)
    assert best is not None
    assert find_front(trials)[0].validation_accuracy == best.validation_accuracy


@given(st.lists(points, min_size=1, max_size=15), points)
def test_another_trial_never_lowers_the_hypervolume(
    found: list[tuple[float, int, int]], more: tuple[float, int, int]
) -> None:
    trials = [trained(number, *point) for number, point in enumerate(found, start=1)]
    before = measure_hypervolume(find_front(trials), macs_max=10, params_max=10)
    after = measure_hypervolume(find_front([*trials, trained(99, *more)]), macs_max=10, params_max=10)
    assert after >= before - 1e-12


def test_the_hypervolume_of_one_point_is_its_box() -> None:
    front = find_front([trained(1, 0.5, 25, 40)])
    assert measure_hypervolume(front, macs_max=100, params_max=100) == pytest.approx(0.5 * 0.75 * 0.6)


def test_rejected_trials_are_never_on_the_front() -> None:
    rejected = Trial(1, "rejected", "propose_architecture", ARCHITECTURE, costs=make_costs(1, 1))
    assert find_front([rejected]) == ()
    assert find_most_accurate([rejected]) is None
    assert find_trends((), 16) is None


def test_trends_average_the_front_and_count_values() -> None:
    trends = find_trends([trained(1, 0.5, 10, 1), trained(2, 0.7, 20, 3)], 16)
    assert trends is not None
    assert trends.accuracy == pytest.approx((0.5, 0.7, 0.6))
    assert trends.macs == (10, 20, 15)
    assert sum(count for _, count in dict(trends.field_values)["kernel_size"]) == 10
