"""Drawing from the legal part of the search space without blind rejection.

A legal architecture is first built stage by stage: a drawn stage is kept only if the cheapest way to complete the
architecture still fits under every limit and the largest way still reaches the MACs' minimum. This favours some
architectures over others, so the result is then shuffled by Metropolis steps: redraw a stage, or a field of one or two
stages, and keep the change if the architecture is still legal. Every such step preserves the uniform distribution over
the legal part, and so brings any other closer to it; docs/costs.md measures how close.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nas.cost.budget import Budget
from nas.cost.price import price
from nas.cost.screening import fits_from_below, price_if_legal, reaches_macs, screen_runs
from nas.cost.stage_costs import StageCosts, classifier_costs, stage_costs, stem_costs
from nas.errors import SettingError
from nas.space.architecture import Architecture, Stage, Task
from nas.space.search_space import Choice, SearchSpace

MAX_DRAWS = 20_000  # stages drawn before the legal part counts as not found; a few seconds
DRAWS_PER_STAGE = 200  # draws of one stage before starting over
MIXING_STEPS_PER_STAGE = 100
# block and expansion are redrawn together: uniform over the space's pairs, of which DWSepConv ignores the expansion
FIELD_GROUPS: tuple[tuple[str, ...], ...] = (
    ("block", "expansion"),
    ("out_channels",),
    ("kernel_size",),
    ("stride",),
    ("se_ratio",),
    ("skip",),
    ("activation",),
    ("num_blocks",),
)


def sample_feasible(space: SearchSpace, task: Task, budget: Budget, rng: random.Random) -> Architecture:
    """An architecture that keeps the schema's one-pixel rule and every limit, drawn nearly uniformly over all of them.

    Raises SettingError if even the cheapest architecture breaks a limit, or if none was found in `MAX_DRAWS` draws.
    """
    _check_possible(space, task, budget)
    architecture = build_legal(space, task, budget, rng)
    if architecture is None:
        raise SettingError(
            f"the budget must leave a legal architecture at {task.height}x{task.width}x{task.channels}; none was found "
            f"in {MAX_DRAWS:,} draws: raise peak_sram_bytes or flash_bytes, or widen the MAC range"
        )
    for _ in range(MIXING_STEPS_PER_STAGE * space.num_stages):
        proposal = _redraw(architecture, space, rng)
        if proposal != architecture and price_if_legal(proposal, task, budget):
            architecture = proposal
    return architecture


def build_legal(
    space: SearchSpace,
    task: Task,
    budget: Budget,
    rng: random.Random,
    *,
    fixed: Sequence[Mapping[str, Choice]] = (),
    max_draws: int = MAX_DRAWS,
) -> Architecture | None:
    """A legal architecture built stage by stage, not uniformly; None when `max_draws` drawn stages gave none.

    `fixed[i]` holds the fields of stage i + 1 that are given.
    """
    smallest, largest = extreme_stage(space, smallest=True), extreme_stage(space, smallest=False)
    draws = 0
    while draws < max_draws:
        stages: list[Stage] = []
        tries = 0
        while len(stages) < space.num_stages and tries < DRAWS_PER_STAGE and draws < max_draws:
            tries += 1
            draws += 1
            given = fixed[len(stages)] if len(stages) < len(fixed) else {}
            drawn = [*stages, space.with_fields(space.sample_stage(rng), given)]
            if can_be_completed(drawn, space.num_stages, task, budget, smallest, largest):
                stages, tries = drawn, 0
        if len(stages) == space.num_stages and price_if_legal(Architecture(tuple(stages)), task, budget):
            return Architecture(tuple(stages))
    return None


def can_be_completed(
    stages: Sequence[Stage], num_stages: int, task: Task, budget: Budget, smallest: Stage, largest: Stage
) -> bool:
    """False only if no way to complete the first stages of an architecture keeps the budget."""
    if screen_runs(Architecture(tuple(stages)), task) is None:
        return False
    missing = num_stages - len(stages)
    cheapest, dearest = [*stages, *[smallest] * missing], [*stages, *[largest] * missing]
    return fits_between(cheapest, dearest, task, budget)


def fits_between(cheapest: Sequence[Stage], dearest: Sequence[Stage], task: Task, budget: Budget) -> bool:
    """False only if no architecture between the two, stage by stage, can keep the budget."""
    return fits_from_below(_sum_stages(cheapest, task), budget) and reaches_macs(_sum_stages(dearest, task), budget)


def _sum_stages(stages: Sequence[Stage], task: Task) -> list[StageCosts]:
    """Costs of stem, stages and classifier. One pixel is allowed here: these are bounds, not architectures."""
    costs, features = stem_costs(task)
    runs = [costs]
    for stage in stages:
        costs, features = stage_costs(stage, features)
        runs.append(costs)
    return [*runs, classifier_costs(task, features)]


def extreme_stage(space: SearchSpace, *, smallest: bool) -> Stage:
    """The stage of the space that costs least, or most, in MACs, memory and flash alike, whatever comes before it."""
    choose = min if smallest else max
    block_order = ("DWSepConv", "MBConv")  # the expanding convolution comes on top
    activation_order = ("relu6", "leaky_relu", "swish")  # zero, one and two operators of their own
    block = choose(space.block, key=block_order.index)
    stage = space.sample_stage(random.Random(0))
    return replace(
        stage,
        block=block,  # type: ignore[arg-type]
        out_channels=choose(space.out_channels),
        kernel_size=choose(space.kernel_size),
        stride=max(space.stride) if smallest else min(space.stride),
        expansion=choose(space.expansion) if block == "MBConv" else None,
        se_ratio=choose(space.se_ratio),
        skip=choose(space.skip),
        activation=choose(space.activation, key=activation_order.index),  # type: ignore[arg-type]
        num_blocks=choose(space.num_blocks),
    )


def _check_possible(space: SearchSpace, task: Task, budget: Budget) -> None:
    """Raise SettingError if the cheapest architecture exceeds a limit or the largest stays below the MACs' minimum."""
    cheapest = [extreme_stage(space, smallest=True)] * space.num_stages
    if not fits_from_below(_sum_stages(cheapest, task), budget):
        least = price(Architecture(tuple(cheapest)), task)
        raise SettingError(
            f"the budget must leave room for the cheapest architecture: {least.macs:,} MACs, {least.arena_bytes:,} "
            f"bytes of SRAM, {least.flash_bytes:,} of flash; got macs_max {budget.macs_max:,}, peak_sram_bytes "
            f"{budget.peak_sram_bytes:,}, flash_bytes {budget.flash_bytes:,}"
        )
    largest = [extreme_stage(space, smallest=False)] * space.num_stages
    if not reaches_macs(_sum_stages(largest, task), budget):
        most = price(Architecture(tuple(largest)), task).macs
        raise SettingError(f"macs_min must not exceed the {most:,} MACs of the largest one; got {budget.macs_min:,}")


def _redraw(architecture: Architecture, space: SearchSpace, rng: random.Random) -> Architecture:
    """The architecture with one stage, one field of one stage, or one field of two stages redrawn.

    All three are drawn as the space draws, whatever was there before, so that steps kept when legal preserve the
    uniform distribution. Two stages at once, because a stride can often only move from one to another.
    """
    stages = [*architecture.stages]
    move = rng.random()
    if move < 0.4:
        stages[rng.randrange(len(stages))] = space.sample_stage(rng)
        return Architecture(tuple(stages))
    group = rng.choice(FIELD_GROUPS)
    for place in rng.sample(range(len(stages)), 1 if move < 0.7 else min(2, len(stages))):
        drawn = space.sample_stage(rng)
        stages[place] = replace(stages[place], **{field: getattr(drawn, field) for field in group})
    return Architecture(tuple(stages))
