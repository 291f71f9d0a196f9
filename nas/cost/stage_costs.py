"""The costs of one stage, added up from its operators once and remembered: what makes pricing fast.

Nothing here knows an operator: MACs, parameters, tail, file bytes and tensor lifetimes all come from the steps of
`operators.py`, so that the fast price and the full report cannot disagree (a test compares them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from nas.cost.flash import file_bytes
from nas.cost.operators import Step, align, block_steps, classifier_steps, depthwise_weights, stem_steps
from nas.cost.tail import TailTerms, tail_terms
from nas.space.architecture import Architecture, BlockPlan, Stage, Task, plan_stage, same_output


class Lifetimes(NamedTuple):
    """The buffers of one block, in arena bytes (multiples of 16).

    Operator i of the block writes a tensor of `sizes[i]` bytes, last read by operator `last_use[i]`; the block's input
    is last read by operator `input_last_use` (all counted from the block's first operator). The last tensor's reader is
    outside: its entry is only the operator that writes it. `scratch` holds (operator, bytes).
    """

    sizes: tuple[int, ...]
    last_use: tuple[int, ...]
    input_last_use: int
    scratch: tuple[tuple[int, int], ...]


class StageCosts(NamedTuple):
    """Sums over a run of operators, and the buffers of its blocks.

    `live_peak` is the most that is alive at any operator of the run, its input included: a lower bound on the head.
    """

    macs: int
    params: int
    file_bytes: float
    tail: TailTerms
    live_peak: int
    blocks: tuple[Lifetimes, ...]


class FeatureMap(NamedTuple):
    """What one stage hands to the next."""

    channels: int
    height: int
    width: int


def sum_steps(steps: Sequence[Step], input_bytes: int) -> StageCosts:
    """The costs of a block of operators that reads one tensor of `input_bytes` arena bytes."""
    macs = params = 0
    sizes: list[int] = []
    last_use = list(range(-1, len(steps)))  # entry 0: the input; entry k: the output of operator k - 1
    scratch: list[tuple[int, int]] = []
    for index, step in enumerate(steps):
        macs += step.macs
        params += step.params
        sizes.append(align(step.output_bytes))
        for source in step.inputs:
            last_use[source] = index
        for size in step.scratch:
            scratch.append((index, align(size)))
    live = [0] * len(steps)
    for source, size in enumerate((input_bytes, *sizes)):
        for index in range(max(0, source - 1), last_use[source] + 1):
            live[index] += size
    for index, size in scratch:
        live[index] += size
    block = Lifetimes(tuple(sizes), tuple(last_use[1:]), last_use[0], tuple(scratch))
    return StageCosts(macs, params, file_bytes(steps), tail_terms(steps), max(live), (block,))


def join_costs(runs: Sequence[StageCosts]) -> StageCosts:
    """The costs of consecutive runs of operators as those of one."""
    return StageCosts(
        macs=sum([run.macs for run in runs]),
        params=sum([run.params for run in runs]),
        file_bytes=sum([run.file_bytes for run in runs]),
        tail=sum_tails(runs),
        live_peak=max([run.live_peak for run in runs]),
        blocks=tuple([block for run in runs for block in run.blocks]),
    )


def sum_tails(runs: Sequence[StageCosts]) -> TailTerms:
    """The tail terms of consecutive runs of operators as those of one."""
    return TailTerms(*map(sum, zip(*[run.tail for run in runs], strict=True)))


def string_buffers(blocks: Sequence[Lifetimes], input_bytes: int) -> tuple[list[int], list[int], list[int]]:
    """Sizes, first and last operators of all buffers of a network, in TFLM's order: image, outputs, scratch."""
    sizes, lasts = [input_bytes], [0]
    scratch: list[tuple[int, int]] = []
    start = 0
    for block in blocks:
        lasts[-1] = start + block.input_last_use
        sizes += block.sizes
        lasts += [start + last for last in block.last_use]
        if block.scratch:
            scratch += [(start + operator, size) for operator, size in block.scratch]
        start += len(block.sizes)
    firsts = [0, *range(start)]
    for operator, size in scratch:
        sizes.append(size)
        firsts.append(operator)
        lasts.append(operator)
    return sizes, firsts, lasts


@lru_cache(maxsize=1 << 14)
def kernelless_costs(plan: BlockPlan) -> StageCosts:
    """The costs of a block whose kernel size is 0: all but the depthwise weights, on which no buffer depends."""
    return sum_steps(block_steps(plan), align(plan.in_height * plan.in_width * plan.in_channels))


def _block_costs(plan: BlockPlan, kernel_size: int) -> StageCosts:
    """The costs of a block planned with kernel size 0 as if it had `kernel_size`: one cached entry serves all sizes."""
    macs, params, file_total, tail, live_peak, blocks = kernelless_costs(plan)
    weights = depthwise_weights(kernel_size, plan.hidden_channels)
    macs += weights * plan.out_height * plan.out_width
    return StageCosts(macs, params + weights, file_total + weights, tail, live_peak, blocks)


@lru_cache(maxsize=1 << 12)
def stage_costs(stage: Stage, source: FeatureMap) -> tuple[StageCosts, FeatureMap]:
    """The costs of a stage that reads `source`, and the feature map it writes."""
    planned = plan_stage(replace(stage, kernel_size=0), 1, source.channels, source.height, source.width)
    plans = [*islice(planned, 2)]
    runs = [_block_costs(plan, stage.kernel_size) for plan in plans]
    runs += [runs[-1]] * (stage.num_blocks - len(runs))  # from the second on, the blocks of a stage are equal
    last = plans[-1]
    return join_costs(runs), FeatureMap(last.out_channels, last.out_height, last.out_width)


@lru_cache(maxsize=64)
def stem_costs(task: Task) -> tuple[StageCosts, FeatureMap]:
    """The costs of the stem, and the feature map it writes."""
    image_bytes = align(task.height * task.width * task.channels)
    size = same_output(task.height, 2), same_output(task.width, 2)
    return sum_steps(stem_steps(task), image_bytes), FeatureMap(task.stem_channels, *size)


@lru_cache(maxsize=1 << 10)
def classifier_costs(task: Task, source: FeatureMap) -> StageCosts:
    """The costs of the classifier that reads `source`."""
    return sum_steps(classifier_steps(task, source.channels), align(source.channels * source.height * source.width))


def network_costs(architecture: Architecture, task: Task) -> list[StageCosts]:
    """The costs of stem, stages and classifier, in execution order."""
    costs, features = stem_costs(task)
    runs = [costs]
    for stage in architecture.stages:
        costs, features = stage_costs(stage, features)
        runs.append(costs)
    runs.append(classifier_costs(task, features))
    return runs
