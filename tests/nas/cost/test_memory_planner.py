"""The planner against a literal port of TFLM's GreedyMemoryPlanner, which traverses a list of all placed buffers."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nas.cost import lower
from nas.cost.memory import place_buffers, plan_memory
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

sizes = st.integers(1, 40).map(lambda blocks: 16 * blocks)
buffers = st.lists(st.tuples(sizes, st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=40)


def place_like_tflm(sizes: list[int], firsts: list[int], lasts: list[int]) -> list[int]:
    order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], -index))
    placed: list[tuple[int, int]] = []  # (offset, buffer), sorted by offset
    offsets = [0] * len(sizes)
    for wanted in order:
        active = [
            (at, other) for at, other in placed if firsts[other] <= lasts[wanted] and firsts[wanted] <= lasts[other]
        ]
        candidate = 0
        for at, other in active:
            if at - candidate >= sizes[wanted]:
                break
            candidate = max(candidate, at + sizes[other])
        offsets[wanted] = candidate
        position = next((i for i, (at, _) in enumerate(placed) if at > candidate), len(placed))
        placed.insert(position, (candidate, wanted))
    return offsets


@settings(deadline=None)
@given(buffers)
def test_buffers_lie_where_tflm_puts_them(rows: list[tuple[int, int, int]]) -> None:
    sizes = [size for size, _, _ in rows]
    firsts = [first for _, first, _ in rows]
    lasts = [first + length for _, first, length in rows]
    assert place_buffers(sizes, firsts, lasts) == place_like_tflm(sizes, firsts, lasts)


def test_no_two_live_buffers_overlap_and_the_largest_live_set_bounds_the_head_from_below() -> None:
    rng = random.Random(0)
    space = SearchSpace()
    for _ in range(20):
        plan = plan_memory(lower(space.sample(rng), Task(33, 47, 3, 7)))
        for operator in range(plan.num_operators):
            live = sorted(plan.live(operator), key=lambda buffer: buffer.offset)
            assert all(low.end <= high.offset for low, high in pairwise(live))
        assert plan.head_bytes >= max(plan.live_bytes())
        peak = plan.peak_operator()
        assert plan.head_bytes in {buffer.end for buffer in plan.live(peak)}


def test_the_plan_exceeds_the_largest_live_set_in_about_a_quarter_of_random_architectures() -> None:
    rng = random.Random(1)
    space = SearchSpace()
    plans = [plan_memory(lower(space.sample(rng), Task(160, 160, 3, 100))) for _ in range(100)]
    assert 10 <= sum(plan.head_bytes > max(plan.live_bytes()) for plan in plans) <= 40
