"""The runs of one designer together: hypervolumes, at the end and over the proposals, as means with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.report.figures import ProgressStep
from nas.plain_text import plain
from nas.records.run_records import RunRecords
from nas.statistics import MeanShare, mean_share


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one designer with the mean of their hypervolumes."""

    designer: str
    runs: tuple[str, ...]
    hypervolume: MeanShare


def group_runs(runs: Mapping[str, RunRecords]) -> tuple[Group, ...]:
    """Runs by designer (chat model and how it was driven), the highest mean first."""
    volumes: dict[str, dict[str, float]] = {}
    for name, records in runs.items():
        history = records.front_history()
        volumes.setdefault(name_designer(records), {})[name] = history[-1].hypervolume if history else 0.0
    groups = [Group(designer, tuple(found), mean_share(list(found.values()))) for designer, found in volumes.items()]
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
    hypervolume: MeanShare


def trace_groups(
    groups: Sequence[Group], progress: Mapping[str, Sequence[ProgressStep]]
) -> tuple[tuple[GroupStep, ...], ...]:
    """Every group's search, proposal by proposal, to the end of its longest run; a finished run keeps its front."""
    return tuple(tuple(_trace(group, [progress[run] for run in group.runs])) for group in groups)


def _trace(group: Group, runs: Sequence[Sequence[ProgressStep]]) -> Iterator[GroupStep]:
    for number in range(1, max(map(len, runs)) + 1):
        reached = [steps[min(number, len(steps)) - 1].hypervolume if steps else 0.0 for steps in runs]
        yield GroupStep(group.designer, number, mean_share(reached))
