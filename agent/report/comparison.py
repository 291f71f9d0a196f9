"""Several runs side by side: their fronts, Table III, and hypervolumes with intervals over runs of one designer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.report.charts import draw_sram
from agent.report.comparison_charts import draw_counts, draw_fronts, draw_groups, draw_progress
from agent.report.figures import (
    Candidate,
    Ending,
    Statistics,
    count_causes,
    count_endings,
    list_candidates,
    sum_statistics,
    trace_progress,
)
from agent.report.page import fill_page
from nas.errors import SettingError
from nas.plain_text import plain
from nas.quantities import KIB
from nas.records import RunRecords

NUM_SHOWN = 5  # networks of each front whose memory is drawn: more bars would be too thin to read


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one designer: the mean of their hypervolumes with its 95% t interval (None for a single run)."""

    designer: str
    runs: tuple[str, ...]
    mean: float
    half_width: float | None

    @property
    def interval(self) -> str:
        """`0.7958 +- 0.0250`."""
        return f"{self.mean:.4f}" + (f" +- {self.half_width:.4f}" if self.half_width is not None else " (one run)")


def require_comparable(runs: Mapping[str, RunRecords]) -> None:
    """Raise SettingError unless all runs share task and budget: their hypervolumes would measure different boxes."""
    first, *others = runs
    for name in others:
        for what, own, its in (
            ("task", runs[name].task, runs[first].task),
            ("budget", runs[name].budget, runs[first].budget),
            ("data set", runs[name].started.get("data"), runs[first].started.get("data")),
        ):
            if own != its:
                raise SettingError(
                    f"compare takes runs of one task and budget; {plain(name)} has another {what} than {plain(first)}; "
                    "leave one of them out"
                )


def group_runs(runs: Mapping[str, RunRecords]) -> tuple[Group, ...]:
    """Runs by designer (chat model and how it was driven), the highest mean first."""
    volumes: dict[str, dict[str, float]] = {}
    for name, records in runs.items():
        history = records.front_history()
        drive = records.drive.get("drive")
        designer = plain(records.started.get("llm", "unknown")) + (f", {drive}" if drive else "")
        volumes.setdefault(designer, {})[name] = history[-1].hypervolume if history else 0.0
    groups = [
        Group(designer, tuple(found), statistics.mean(found.values()), half_width(list(found.values())))
        for designer, found in volumes.items()
    ]
    return tuple(sorted(groups, key=lambda group: -group.mean))


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95% interval of the mean, by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    from scipy.stats import t  # late: half a second

    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


@dataclass(frozen=True, slots=True)
class RunLine:
    """What the page lists of a run."""

    name: str
    designer: str
    seed: str
    best_percent: float | None
    best_sram_kib: float | None


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many proposals of every run ended this way, or broke this limit."""

    name: str
    counts: tuple[int, ...]


def align_counts(runs: Sequence[Sequence[Ending]]) -> tuple[CountRow, ...]:
    """The counts of several runs by name, the most frequent of all first."""
    names = dict.fromkeys(ending.name for endings in runs for ending in endings)
    found = [{ending.name: ending.count for ending in endings} for endings in runs]
    rows = [CountRow(name, tuple(counts.get(name, 0) for counts in found)) for name in names]
    return tuple(sorted(rows, key=lambda row: -sum(row.counts)))


@dataclass(frozen=True, slots=True)
class Shown:
    """A network of a run's front."""

    run: str
    network: Candidate


def pick_most_accurate(runs: Mapping[str, Sequence[Candidate]]) -> tuple[Shown, ...]:
    """At most NUM_SHOWN members of every front, the most accurate ones."""
    picked = []
    for name, candidates in runs.items():
        front = sorted((one for one in candidates if one.on_front), key=lambda one: -(one.accuracy_percent or 0))
        picked += [Shown(name, one) for one in front[:NUM_SHOWN]]
    return tuple(picked)


def build_comparison(runs: Mapping[str, RunRecords], library: str) -> str:
    """The page of at least two runs by name; raises SettingError for runs that cannot be compared."""
    require_comparable(runs)
    groups = group_runs(runs)
    rows: list[Statistics] = [sum_statistics(name, records) for name, records in runs.items()]
    candidates = {name: list_candidates(records) for name, records in runs.items()}
    progress = {name: trace_progress(records) for name, records in runs.items()}
    endings = align_counts([count_endings(records.trials) for records in runs.values()])
    causes = align_counts([count_causes(records.trials) for records in runs.values()])
    shown, first = pick_most_accurate(candidates), next(iter(runs.values()))
    charts: dict[str, Any] = {
        "volumes": draw_progress(progress, "hypervolume", "hypervolume (share of the box)", 4),
        "yields": draw_progress(progress, "yield_percent", "legal share of the proposals (%)", 1),
        "groups": draw_groups(groups),
        "endings": draw_counts(endings, list(runs)),
    }
    if causes:
        charts["causes"] = draw_counts(causes, list(runs))
    if shown:
        charts["pareto"] = draw_fronts(candidates)
        bars = [replace(one.network, id=f"{one.run} {one.network.id}") for one in shown]
        charts["sram"] = draw_sram(bars, first.budget.peak_sram_bytes / KIB)
    return fill_page(
        "comparison.html.j2",
        library,
        charts,
        lines=[_describe(name, records) for name, records in runs.items()],
        statistics=rows,
        groups=groups,
        shown=shown,
        num_shown=NUM_SHOWN,
        counts={"How the proposals ended": endings, "What the proposals broke": causes},
        budget=first.budget,
        data=first.started.get("data", "unknown"),
        task=first.task,
    )


def _describe(name: str, records: RunRecords) -> RunLine:
    front = list_candidates(records)
    best = next((one for one in front if records.front and one.id == records.front[0].id), None)
    return RunLine(
        name=name,
        designer=str(records.started.get("llm", "unknown")),
        seed=str(records.started.get("seed", "unknown")),
        best_percent=best.accuracy_percent if best else None,
        best_sram_kib=best.sram_kib if best else None,
    )
