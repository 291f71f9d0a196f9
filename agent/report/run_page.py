"""The report of one run, put together from its records."""

from __future__ import annotations

from typing import Any

from markupsafe import escape

from agent.report.figures import (
    Candidate,
    count_causes,
    count_endings,
    list_candidates,
    read_published,
    sum_statistics,
    trace_progress,
)
from agent.report.html import fill_page
from agent.report.member import Member, read_member
from agent.report.published import NETWORKS, SEARCHES, is_published_task
from agent.report.run_charts import (
    MAX_BARS,
    draw_curve,
    draw_endings,
    draw_memory,
    draw_pareto,
    draw_progress,
    draw_sram,
    draw_stage_costs,
)
from nas.explanation.overview import describe_run
from nas.plain_text import plain_layout
from nas.quantities import KIB
from nas.records.run_records import RunRecords

MAX_MEMBERS = 40  # networks shown in full: a front of hundreds would make the page too large to load


def build_report(name: str, records: RunRecords, transcript: str, library: str) -> str:
    """The page of a run. `transcript` is plain text, `library` the plotting library's script."""
    candidates = list_candidates(records)
    is_published = is_published_task(records.started.data if records.started else "")
    members = [read_member(records, candidate) for candidate in _choose_members(records)]
    published = NETWORKS if is_published else ()
    bars = _choose_bars(candidates, records)
    steps, endings, causes = trace_progress(records), count_endings(records.trials), count_causes(records.trials)
    limit_kib = records.budget.peak_sram_bytes / KIB
    charts: dict[str, Any] = {}
    if records.trained:
        charts["pareto"] = draw_pareto(candidates, published)
    if bars:
        charts["sram"] = draw_sram(bars, limit_kib)
    if steps:
        charts["hypervolume"] = draw_progress(steps, "hypervolume", "hypervolume (share of the box)")
        charts["yield"] = draw_progress(steps, "yield_percent", "legal of all proposals (%)")
        charts["endings"] = draw_endings(endings, "proposals")
    if causes:
        charts["causes"] = draw_endings(causes, "proposals turned away")
    for member in members:
        charts |= _draw_member(member)
    searches = [read_published(search) for search in SEARCHES] if is_published else []
    return fill_page(
        "report.html.j2",
        library,
        charts,
        name=name,
        about=describe_run(records).splitlines(),
        records=records,
        candidates=candidates,
        members=members,
        num_members_left_out=max(0, len(records.front) - len(members)),
        published=published,
        bars=bars,
        limit_kib=limit_kib,
        statistics=[sum_statistics("this run", records), *searches],
        steps=steps,
        endings=endings,
        causes=causes,
        transcript=escape(plain_layout(transcript)),
    )


def _choose_members(records: RunRecords) -> list[str]:
    """The front, most accurate first, and whatever else was delivered."""
    front = [trial.id for trial in records.front[:MAX_MEMBERS]]
    return list(dict.fromkeys([*front, *records.delivered]))


def _choose_bars(candidates: tuple[Candidate, ...], records: RunRecords) -> list[Candidate]:
    """The front; if it is empty, the candidates that were priced, nearest to the limit first."""
    by_id = {candidate.id: candidate for candidate in candidates}
    front = [by_id[trial.id] for trial in records.front]
    priced = sorted((c for c in candidates if c.sram_kib is not None), key=lambda c: c.sram_kib or 0)
    return (front or priced)[:MAX_BARS]


def _draw_member(member: Member) -> dict[str, Any]:
    charts = {f"{member.id}-stages": draw_stage_costs(member), f"{member.id}-memory": draw_memory(member)}
    if member.epochs:
        charts[f"{member.id}-accuracy"] = draw_curve(member, "accuracy_percent", "validation accuracy (%)")
        charts[f"{member.id}-loss"] = draw_curve(member, "loss", "training loss")
    return charts
