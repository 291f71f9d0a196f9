"""The plots over several runs, as Vega-Lite specifications (see charts.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agent.report.axes import SERIES, Spec, named_rows, quantity, series, wrap_name
from agent.report.figures import Candidate, ProgressStep
from agent.report.groups import Group, GroupStep
from agent.report.run_charts import POINT_PADDING
from agent.report.run_sections import CountRow, RunSection


def draw_fronts(runs: Sequence[RunSection]) -> Spec:
    """The front of every run: accuracy over MACs, colour and shape = run, size = parameters.

    `usermeta` tells the page which section a point's label leads to.
    """
    rows = [_point(run.name, one) for run in runs for one in run.front]
    names = [run.name for run in runs]
    sections = {_label(run.name, one): run.anchor for run in runs for one in run.front}
    return {
        "usermeta": {"targets": sections},
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "opacity": 0.85, "stroke": "var(--ink)", "strokeWidth": 0.8},
        "height": 360,
        "encoding": {
            "x": quantity("macs_m", "MACs (millions)", zero=False, padding=POINT_PADDING),
            "y": quantity("accuracy_percent", "accuracy (%)", zero=False, padding=POINT_PADDING),
            "size": {
                "field": "params_k",
                "type": "quantitative",
                "title": "parameters (thousands)",
                "scale": {"range": [60, 600]},
                "legend": {"symbolFillColor": "transparent", "symbolStrokeColor": "var(--ink)", "tickCount": 4},
            },
            "color": series("run", names, "run"),
            "shape": {"field": "run", "type": "nominal", "title": "run", "scale": {"domain": names}},
            "description": {"field": "label", "type": "nominal"},
            "tooltip": [
                {"field": "run"},
                {"field": "id", "title": "network"},
                {"field": "accuracy_percent", "title": "accuracy (%)", "format": ".2f"},
                {"field": "macs_m", "title": "MACs (M)", "format": ",.2f"},
                {"field": "params_k", "title": "parameters (thousands)", "format": ",.1f"},
                {"field": "sram_kib", "title": "peak SRAM (KiB)", "format": ",.1f"},
            ],
        },
    }


def _point(run: str, candidate: Candidate) -> dict[str, Any]:
    return {
        "run": run,
        "id": candidate.id,
        "accuracy_percent": candidate.accuracy_percent,
        "macs_m": candidate.macs_m,
        "params_k": (candidate.params or 0) / 1000,
        "sram_kib": candidate.sram_kib,
        "label": _label(run, candidate),
    }


def _label(run: str, candidate: Candidate) -> str:
    return (
        f"{candidate.id} of {run}: {candidate.accuracy_percent:.2f}% accuracy, {candidate.macs_m:.2f} M MACs, "
        f"{candidate.params:,} parameters, {candidate.sram_kib:.1f} KiB peak SRAM"
    )


def draw_progress(runs: Mapping[str, Sequence[ProgressStep]], field: str, title: str, digits: int) -> Spec:
    """One figure of the searches over their proposals, one line per run."""
    rows = [{"run": name, **asdict(step)} for name, steps in runs.items() for step in steps]
    shown = {"field": field, "title": title, "format": f".{digits}f"}
    return {
        "height": 260,
        "data": {"values": rows},
        "mark": {"type": "line", "interpolate": "step-after", "aria": False},
        "encoding": {
            "x": quantity("number", "proposal", zero=False) | {"axis": {"tickMinStep": 1, "format": "d"}},
            "y": quantity(field, title),
            "color": series("run", list(runs), "run"),
            "tooltip": [{"field": "run"}, {"field": "number", "title": "proposal"}, shown],
        },
    }


def draw_counts(rows: Sequence[CountRow], runs: Sequence[str]) -> Spec:
    """Counts by run, as groups of bars."""
    values = [
        {"name": wrap_name(row.name), "run": run, "count": count}
        for row in rows
        for run, count in zip(runs, row.counts, strict=True)
    ]
    return {
        "height": (14 * max(2, len(runs)) + 12) * len(rows),
        "data": {"values": values},
        "mark": {"type": "bar", "aria": False},
        "encoding": {
            "y": named_rows(),
            "yOffset": {"field": "run", "sort": list(runs)},
            "x": quantity("count", "proposals") | {"axis": {"tickMinStep": 1, "format": "d"}},
            "color": series("run", runs, "run"),
            "tooltip": [{"field": "run"}, {"field": "name"}, {"field": "count", "title": "proposals"}],
        },
    }


def draw_means(groups: Sequence[Sequence[GroupStep]]) -> Spec:
    """Mean hypervolume over the proposals: for every designer a line with its 95% interval as a band."""
    names = [steps[0].designer for steps in groups if steps]
    rows = [
        {
            "designer": step.designer,
            "number": step.number,
            "mean": step.hypervolume.mean,
            "low": step.hypervolume.low,
            "high": step.hypervolume.high,
            "said": str(step.hypervolume),
        }
        for steps in groups
        for step in steps
    ]
    axis = "mean hypervolume (share of the box)"
    return {
        "height": 260,
        "data": {"values": rows},
        "encoding": {
            "x": quantity("number", "proposal", zero=False) | {"axis": {"tickMinStep": 1, "format": "d"}},
            "color": series("designer", names, "designer"),
        },
        "layer": [
            {
                "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.2, "aria": False},
                "encoding": {"y": quantity("low", axis), "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "line", "interpolate": "step-after", "aria": False},
                "encoding": {
                    "y": quantity("mean", axis),
                    "strokeDash": {
                        "field": "designer",
                        "type": "nominal",
                        "title": "designer",
                        "scale": {"domain": names},
                    },
                    "tooltip": [
                        {"field": "designer"},
                        {"field": "number", "title": "proposal"},
                        {"field": "said", "title": "hypervolume"},
                    ],
                },
            },
        ],
    }


def draw_groups(groups: Sequence[Group]) -> Spec:
    """Mean hypervolume of every designer, with its 95% interval where there are several runs."""
    rows = [
        {
            "designer": group.designer,
            "mean": group.hypervolume.mean,
            "low": group.hypervolume.low,
            "high": group.hypervolume.high,
            "said": str(group.hypervolume),
            "runs": len(group.runs),
        }
        for group in groups
    ]
    tooltip = [{"field": "designer"}, {"field": "said", "title": "hypervolume"}, {"field": "runs"}]
    y = {"field": "designer", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 190}}
    axis = "hypervolume"
    point = {"type": "point", "filled": True, "size": 90, "color": SERIES[0]}
    return {
        "height": 50 * len(groups),
        "data": {"values": rows},
        "encoding": {"y": y, "tooltip": tooltip},
        "layer": [
            {
                "mark": {"type": "rule", "color": SERIES[0], "strokeWidth": 2, "aria": False},
                "encoding": {"x": quantity("low", axis, zero=False), "x2": {"field": "high"}},
            },
            {"mark": point, "encoding": {"x": quantity("mean", axis, zero=False)}},
        ],
    }
