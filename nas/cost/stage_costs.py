"""The costs of one stage, added up from its operators once and remembered: what makes pricing fast.

Nothing here knows an operator: macs, parameters, tail, file bytes and tensor lifetimes all come from the steps of
`operators.py`, so that the fast price and the full report cannot disagree (a test compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nas.architecture import Architecture, Stage, Task, plan_stage, same_output
from nas.cost.flash import file_bytes
from nas.cost.operators import Step, align, block_steps, head_steps, stem_steps
from nas.cost.tail import HOST, MCU, TailTerms, tail_terms


@dataclass(frozen=True, slots=True)
class StageCosts:
    """Sums over a run of operators, and its buffers in arena bytes (multiples of 16).

    Operator i of the run writes a tensor of `sizes[i]` bytes, last read by operator `last_use[i]`; the run's input is
    last read by operator `input_last_use` (all counted from the run's first operator). The last tensor's reader is
    outside: its entry is only the operator that writes it. `scratch` holds (operator, bytes). `live_peak` is the most that
    is alive at any operator of the run, its input included.
    """

    macs: int
    params: int
    file_bytes: float
    host_tail: TailTerms
    mcu_tail: TailTerms
    sizes: tuple[int, ...]
    last_use: tuple[int, ...]
    input_last_use: int
    scratch: tuple[tuple[int, int], ...]
    live_peak: int


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """What one stage hands to the next."""

    channels: int
    height: int
    width: int


@lru_cache(maxsize=1 << 13)
def sum_steps(steps: tuple[Step, ...], input_bytes: int) -> StageCosts:
    """The costs of a run of operators that reads one tensor of `input_bytes` arena bytes."""
    last_use = [-1, *range(len(steps))]
    for index, step in enumerate(steps):
        for source in step.inputs:
            last_use[source] = index
    sizes = tuple(align(step.output_bytes) for step in steps)
    scratch = tuple((index, align(size)) for index, step in enumerate(steps) for size in step.scratch)
    live = [0] * len(steps)
    for source, size in enumerate((input_bytes, *sizes)):
        for index in range(max(0, source - 1), last_use[source] + 1):
            live[index] += size
    for index, size in scratch:
        live[index] += size
    host, mcu = TailTerms(), TailTerms()
    for step in steps:
        host, mcu = host + tail_terms(step, HOST), mcu + tail_terms(step, MCU)
    return StageCosts(
        macs=sum(step.macs for step in steps),
        params=sum(step.params for step in steps),
        file_bytes=sum(file_bytes(step) for step in steps),
        host_tail=host,
        mcu_tail=mcu,
        sizes=sizes,
        last_use=tuple(last_use[1:]),
        input_last_use=last_use[0],
        scratch=scratch,
        live_peak=max(live),
    )


def join_costs(runs: list[StageCosts]) -> StageCosts:
    """The costs of consecutive runs of operators as of one."""
    sizes: list[int] = []
    last_use: list[int] = []
    scratch: list[tuple[int, int]] = []
    for number, run in enumerate(runs):
        start = len(sizes)
        if number:
            last_use[-1] = start + run.input_last_use
        sizes += run.sizes
        last_use += [start + last for last in run.last_use]
        scratch += [(start + operator, size) for operator, size in run.scratch]
    return StageCosts(
        macs=sum([run.macs for run in runs]),
        params=sum([run.params for run in runs]),
        file_bytes=sum([run.file_bytes for run in runs]),
        host_tail=_sum_terms([run.host_tail for run in runs]),
        mcu_tail=_sum_terms([run.mcu_tail for run in runs]),
        sizes=tuple(sizes),
        last_use=tuple(last_use),
        input_last_use=runs[0].input_last_use,
        scratch=tuple(scratch),
        live_peak=max([run.live_peak for run in runs]),
    )


def _sum_terms(terms: list[TailTerms]) -> TailTerms:
    return TailTerms(
        sum([term.structs for term in terms]),
        sum([term.op_data for term in terms]),
        sum([term.scratch_buffers for term in terms]),
    )


@lru_cache(maxsize=1 << 14)
def stage_costs(stage: Stage, source: FeatureMap) -> tuple[StageCosts, FeatureMap]:
    """The costs of a stage that reads `source`, and the feature map it writes."""
    plans = plan_stage(stage, 1, source.channels, source.height, source.width)
    runs = [
        sum_steps(block_steps(plan), align(plan.in_height * plan.in_width * plan.in_channels)) for plan in plans[:2]
    ]
    runs += [runs[-1]] * (len(plans) - len(runs))  # from the second on, the blocks of a stage are equal
    last = plans[-1]
    return join_costs(runs), FeatureMap(last.out_channels, last.out_height, last.out_width)


@lru_cache(maxsize=64)
def stem_costs(task: Task) -> tuple[StageCosts, FeatureMap]:
    """The costs of the stem, and the feature map it writes."""
    image_bytes = align(task.height * task.width * task.channels)
    size = same_output(task.height, 2), same_output(task.width, 2)
    return sum_steps(stem_steps(task), image_bytes), FeatureMap(task.stem_channels, *size)


@lru_cache(maxsize=1 << 10)
def head_costs(task: Task, source: FeatureMap) -> StageCosts:
    """The costs of the head that reads `source`."""
    return sum_steps(head_steps(task, source.channels), align(source.channels * source.height * source.width))


def network_costs(architecture: Architecture, task: Task) -> list[StageCosts]:
    """The costs of stem, stages and head, in execution order."""
    costs, features = stem_costs(task)
    runs = [costs]
    for stage in architecture.stages:
        costs, features = stage_costs(stage, features)
        runs.append(costs)
    runs.append(head_costs(task, features))
    return runs
