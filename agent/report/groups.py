"""The runs of one designer together: hypervolumes, at the end and over the proposals, as means with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.report.figures import ProgressStep
from nas.plain_text import plain
from nas.records.run_records import RunRecords


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean of shares. `low` to `high` is its 95% interval by Student's t, cut to what a share can be, 0 to 1.

    For a single value `half_width` is None and the interval the value itself.
    """

    mean: float
    half_width: float | None
    low: float
    high: float

    def __str__(self) -> str:
        """`0.7958 [0.7708, 0.8208]`."""
        if self.half_width is None:
            return f"{self.mean:.4f} (one run)"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def find_mean(shares: Sequence[float]) -> Mean:
    """The mean of at least one share with its interval."""
    mean, width = statistics.mean(shares), half_width(shares)
    return Mean(mean, width, max(0.0, mean - (width or 0)), min(1.0, mean + (width or 0)))


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95% interval of the mean, by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.stats import t  # late: half a second

    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one designer with the mean of their hypervolumes."""

    designer: str
    runs: tuple[str, ...]
    hypervolume: Mean


def group_runs(runs: Mapping[str, RunRecords]) -> tuple[Group, ...]:
    """Runs by designer (chat model and how it was driven), the highest mean first."""
    volumes: dict[str, dict[str, float]] = {}
    for name, records in runs.items():
        history = records.front_history()
        volumes.setdefault(name_designer(records), {})[name] = history[-1].hypervolume if history else 0.0
    groups = [Group(designer, tuple(found), find_mean(list(found.values()))) for designer, found in volumes.items()]
    return tuple(sorted(groups, key=lambda group: -group.hypervolume.mean))


def name_designer(records: RunRecords) -> str:
    """`smollm2, guided`."""
    llm = plain(records.started.llm) if records.started else "unknown"
    return f"{llm}, {records.drive.drive}" if records.drive else llm


@dataclass(frozen=True, slots=True)
class GroupStep:
    """The mean hypervolume of a designer's runs after a number of proposals."""

    designer: str
    number: int
    hypervolume: Mean


def trace_groups(
    groups: Sequence[Group], progress: Mapping[str, Sequence[ProgressStep]]
) -> tuple[tuple[GroupStep, ...], ...]:
    """Every group's search, proposal by proposal, to the end of its longest run; a run that is over keeps its front."""
    return tuple(tuple(_trace(group, [progress[run] for run in group.runs])) for group in groups)


def _trace(group: Group, runs: Sequence[Sequence[ProgressStep]]) -> Iterator[GroupStep]:
    for number in range(1, max(map(len, runs)) + 1):
        reached = [steps[min(number, len(steps)) - 1].hypervolume if steps else 0.0 for steps in runs]
        yield GroupStep(group.designer, number, find_mean(reached))
