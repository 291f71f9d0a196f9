from __future__ import annotations

import random

import pytest

from nas.cost import Budget, is_legal, price, sample_feasible
from nas.errors import SettingError
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

TASK = Task(32, 32, 1, 10)
SPACE = SearchSpace(num_stages=3)
BUDGET = Budget(macs_min=500_000, macs_max=4_000_000, peak_sram_bytes=48 * 1024, flash_bytes=512 * 1024)
PAPER = Budget(macs_min=70_000_000, macs_max=350_000_000, peak_sram_bytes=320 * 1024, flash_bytes=2 << 20)


@pytest.mark.parametrize(
    ("space", "task", "budget"), [(SPACE, TASK, BUDGET), (SearchSpace(), Task(160, 160, 3, 100), PAPER)]
)
def test_feasible_samples_are_feasible(space: SearchSpace, task: Task, budget: Budget) -> None:
    rng = random.Random(0)
    drawn = [sample_feasible(space, task, budget, rng) for _ in range(12)]
    for architecture in drawn:
        assert space.parse(architecture.to_dict()) == architecture
        space.check_resolution(architecture, task)
        assert is_legal(price(architecture, task), budget)
    assert len({architecture.fingerprint(task.stem_channels) for architecture in drawn}) == len(drawn)


def test_the_same_seed_draws_the_same() -> None:
    assert sample_feasible(SPACE, TASK, BUDGET, random.Random(5)) == sample_feasible(
        SPACE, TASK, BUDGET, random.Random(5)
    )


def test_an_empty_legal_part_is_reported_with_the_cost_of_the_cheapest_architecture() -> None:
    tight = BUDGET.model_copy(update={"peak_sram_bytes": 5_000})
    with pytest.raises(SettingError, match=r"cheapest architecture: .* bytes of SRAM.*peak_sram_bytes 5,000"):
        sample_feasible(SPACE, TASK, tight, random.Random(0))


def test_an_unreachable_minimum_of_macs_is_reported() -> None:
    unreachable = BUDGET.model_copy(update={"macs_min": 10**12, "macs_max": 10**12, "peak_sram_bytes": 10**9})
    with pytest.raises(SettingError, match="macs_min must not exceed"):
        sample_feasible(SPACE, TASK, unreachable, random.Random(0))


def test_a_legal_part_that_is_not_found_is_an_error_and_not_an_endless_loop() -> None:
    nowhere = BUDGET.model_copy(update={"macs_min": 100_000_000, "macs_max": 100_000_001})
    with pytest.raises(SettingError, match="none was found in"):
        sample_feasible(SPACE, TASK, nowhere, random.Random(0))
