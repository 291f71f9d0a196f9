"""Several runs side by side: their fronts, Table III, hypervolumes with intervals by designer, then run by run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.report.comparison_charts import draw_counts, draw_fronts, draw_groups, draw_means, draw_progress
from agent.report.figures import (
    Candidate,
    count_causes,
    count_endings,
    list_candidates,
    sum_statistics,
    trace_progress,
)
from agent.report.groups import group_runs, name_designer, trace_groups
from agent.report.html import fill_page
from agent.report.run_charts import MAX_BARS, draw_sram
from agent.report.run_sections import RunSection, align_counts
from nas.errors import SettingError
from nas.explanation.overview import describe_run
from nas.plain_text import plain
from nas.quantities import KIB
from nas.records.run_records import RunRecords

NUM_SHOWN = 5  # networks of each front in the memory plot over all runs: more bars would be too thin to read


def require_comparable(runs: Mapping[str, RunRecords]) -> None:
    """Raise SettingError unless all runs share task and budget: their hypervolumes would measure different boxes."""
    first, *others = runs
    for name in others:
        for what, own, its in (
            ("task", runs[name].task, runs[first].task),
            ("budget", runs[name].budget, runs[first].budget),
            ("data set", _name_data(runs[name]), _name_data(runs[first])),
        ):
            if own != its:
                raise SettingError(
                    f"compare takes runs of one task and budget; {plain(name)} has another {what} than {plain(first)}; "
                    "leave one of them out"
                )


def _name_data(records: RunRecords) -> str:
    return records.started.data if records.started else "unknown"


@dataclass(frozen=True, slots=True)
class Shown:
    """A network of a run's front."""

    run: str
    network: Candidate


def build_comparison(runs: Mapping[str, RunRecords], library: str, reports: Mapping[str, str]) -> str:
    """The page of at least two runs by name; `reports`: addresses of their own reports, where there are any.

    Raises SettingError for runs that cannot be compared.
    """
    require_comparable(runs)
    groups, first = group_runs(runs), next(iter(runs.values()))
    sections = [
        _describe(f"run-{number}", name, records, reports.get(name, ""))
        for number, (name, records) in enumerate(runs.items(), start=1)
    ]
    progress = {name: trace_progress(records) for name, records in runs.items()}
    means = trace_groups(groups, progress)
    endings = align_counts([count_endings(records.trials) for records in runs.values()])
    causes = align_counts([count_causes(records.trials) for records in runs.values()])
    shown = [Shown(section.name, one) for section in sections for one in section.front[:NUM_SHOWN]]
    limit_kib = first.budget.peak_sram_bytes / KIB
    charts: dict[str, Any] = {
        "volumes": draw_progress(progress, "hypervolume", "hypervolume (share of the box)", 4),
        "means": draw_means(means),
        "yields": draw_progress(progress, "yield_percent", "legal share of the proposals (%)", 1),
        "groups": draw_groups(groups),
        "endings": draw_counts(endings, list(runs)),
    }
    if causes:
        charts["causes"] = draw_counts(causes, list(runs))
    if shown:
        charts["pareto"] = draw_fronts(sections)
        bars = [replace(one.network, id=f"{one.run} {one.network.id}") for one in shown]
        charts["sram"] = draw_sram(bars, limit_kib)
    charts |= {
        f"{section.anchor}-sram": draw_sram(section.front[:MAX_BARS], limit_kib)
        for section in sections
        if section.front
    }
    return fill_page(
        "comparison.html.j2",
        library,
        charts,
        sections=sections,
        statistics=[sum_statistics(name, records) for name, records in runs.items()],
        groups=groups,
        means=means,
        shown=shown,
        num_shown=NUM_SHOWN,
        max_bars=MAX_BARS,
        counts={"How the proposals ended": endings, "What the proposals broke": causes},
        budget=first.budget,
        data=_name_data(first),
        task=first.task,
    )


def _describe(anchor: str, name: str, records: RunRecords, report: str) -> RunSection:
    by_id = {candidate.id: candidate for candidate in list_candidates(records)}
    return RunSection(
        anchor=anchor,
        name=name,
        designer=name_designer(records),
        seed=str(records.started.seed) if records.started else "unknown",
        about=tuple(describe_run(records).splitlines()),
        front=tuple(by_id[trial.id] for trial in records.front),
        report=report,
    )
