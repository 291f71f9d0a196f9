"""The plots over several runs, as Vega-Lite specifications (see charts.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.report.charts import POINT_PADDING, SERIES, Spec, quantity, series
from agent.report.figures import Candidate, ProgressStep

if TYPE_CHECKING:
    from agent.report.comparison import CountRow, Group


def draw_fronts(runs: Mapping[str, Sequence[Candidate]]) -> Spec:
    """The front of every run: accuracy over MACs, colour and shape = run, size = parameters."""
    rows = [_point(name, one) for name, candidates in runs.items() for one in candidates if one.on_front]
    names = list(runs)
    return {
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
        "label": f"{candidate.id} of {run}: {candidate.accuracy_percent:.2f}% accuracy, {candidate.macs_m:.2f} M MACs, "
        f"{candidate.params:,} parameters, {candidate.sram_kib:.1f} KiB peak SRAM",
    }


def draw_progress(runs: Mapping[str, Sequence[ProgressStep]], field: str, title: str, digits: int) -> Spec:
    """One figure of the searches over their proposals, a line a run."""
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
    """How often in which run, as groups of bars."""
    values = [
        {"name": row.name, "run": run, "count": count}
        for row in rows
        for run, count in zip(runs, row.counts, strict=True)
    ]
    return {
        "height": (14 * len(runs) + 12) * len(rows),
        "data": {"values": values},
        "mark": {"type": "bar", "aria": False},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 170}},
            "yOffset": {"field": "run", "sort": list(runs)},
            "x": quantity("count", "proposals") | {"axis": {"tickMinStep": 1, "format": "d"}},
            "color": series("run", runs, "run"),
            "tooltip": [{"field": "run"}, {"field": "name"}, {"field": "count", "title": "proposals"}],
        },
    }


def draw_groups(groups: Sequence[Group]) -> Spec:
    """Mean hypervolume of every designer with its 95% interval, where there are several runs."""
    rows = [
        {
            "designer": group.designer,
            "mean": group.mean,
            "low": group.mean - (group.half_width or 0),
            "high": group.mean + (group.half_width or 0),
            "said": group.interval,
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
