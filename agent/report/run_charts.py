"""The report's plots as Vega-Lite specifications. Colours of text and lines are the page's, for light, dark and paper.

Vega draws them as SVG, where `var(--name)` of the page's style sheet is a colour like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from agent.report.axes import SERIES, Spec, limit_line, named_rows, quantity, series, with_room, wrap_name
from agent.report.figures import Candidate, Ending, ProgressStep
from agent.report.member import Member
from agent.report.published import PublishedNetwork
from nas.quantities import KB_IN_KIB

POINT_PADDING = 24  # pixels: large points at the border are not clipped, names above them not crossed by an axis
SHAPES = {"on the front": "circle", "dominated": "triangle-up", "published": "square"}
MAX_BARS = 40  # in a memory plot
MAX_LEVEL = 6  # names side by side under bars: more would overlap on a phone


def draw_pareto(candidates: Sequence[Candidate], published: Sequence[PublishedNetwork]) -> Spec:
    """Accuracy over MACs, size = parameters, colour = SRAM, shape = on the front, dominated or published.

    The page sets the signals `shown` ("all" or "front") and `sram_max` (KiB), and moves labels to where there is room.
    """
    rows = [_point(candidate) for candidate in candidates if candidate.accuracy_percent is not None]
    rows += [_published_point(network) for network in published]
    names = {
        "name": "names",
        "mark": {"type": "text", "aria": False, "tooltip": None},
    }  # report.js decides which and where
    is_shown = "datum.kind == 'published' || ((shown == 'all' || datum.kind == 'on the front') && %s)"
    return {
        "params": [{"name": "shown", "value": "all"}, {"name": "sram_max", "value": 1e9}],
        "data": {"values": rows},
        "transform": [{"filter": is_shown % "datum.sram_kib <= sram_max"}],
        "height": 360,
        "encoding": {
            "x": quantity("macs_m", "MACs (millions)", zero=False, padding=POINT_PADDING),
            "y": quantity("accuracy_percent", "accuracy (%)", zero=False, padding=POINT_PADDING),
        },
        "layer": [
            _draw_points(list(dict.fromkeys(row["kind"] for row in rows))),
            names,
        ],
    }


def _draw_points(kinds: list[str]) -> Spec:
    hollow = {"symbolFillColor": "transparent", "symbolStrokeColor": "var(--ink)"}
    shapes = [SHAPES[kind] for kind in kinds]
    return {
        "name": "points",
        "mark": {"type": "point", "filled": True, "opacity": 0.9, "stroke": "var(--ink)", "strokeWidth": 0.8},
        "encoding": {
            "size": {
                "field": "params_k",
                "type": "quantitative",
                "title": "parameters (thousands)",
                "scale": {"range": [60, 600]},
                "legend": hollow | {"tickCount": 4},
            },
            "color": {
                "field": "sram_kib",
                "type": "quantitative",
                "title": "peak SRAM (KiB)",
                "scale": {"scheme": "viridis"},
                "legend": {"gradientLength": 160},
            },
            "shape": {
                "field": "kind",
                "type": "nominal",
                "title": None,
                "scale": {"domain": kinds, "range": shapes},
                "legend": hollow,
            },
            "description": {"field": "label", "type": "nominal"},
            "tooltip": [
                {"field": "id", "title": "network"},
                {"field": "kind", "title": "is"},
                {"field": "accuracy_percent", "title": "accuracy (%)", "format": ".2f"},
                {"field": "interval", "title": "95% interval"},
                {"field": "macs_m", "title": "MACs (M)", "format": ",.2f"},
                {"field": "params_k", "title": "parameters (thousands)", "format": ",.1f"},
                {"field": "sram_kib", "title": "peak SRAM (KiB)", "format": ",.1f"},
            ],
        },
    }


def _point(candidate: Candidate) -> dict[str, Any]:
    kind = "on the front" if candidate.on_front else "dominated"
    label = (
        f"{candidate.id}, {kind}: {candidate.accuracy_percent:.2f}% accuracy, {candidate.macs_m:.2f} M MACs, "
        f"{candidate.params:,} parameters, {candidate.sram_kib:.1f} KiB peak SRAM"
    )
    return {
        "id": candidate.id,
        "kind": kind,
        "accuracy_percent": candidate.accuracy_percent,
        "interval": candidate.interval or "not on record",
        "macs_m": candidate.macs_m,
        "params_k": (candidate.params or 0) / 1000,
        "sram_kib": candidate.sram_kib,
        "label": label,
    }


def _published_point(network: PublishedNetwork) -> dict[str, Any]:
    sram = f"{network.sram_kb:g} KB" if network.sram_kb else "unknown"
    return {
        "id": network.name,
        "kind": "published",
        "accuracy_percent": network.accuracy_percent,
        "interval": "not published",
        "macs_m": network.macs_m,
        "params_k": network.params_m * 1000 if network.params_m else None,
        "sram_kib": network.sram_kb * KB_IN_KIB if network.sram_kb else None,
        "label": f"{network.name}, published: {network.accuracy_percent:.2f}% test accuracy, "
        f"{network.macs_m:g} M MACs, SRAM {sram}",
    }


def draw_sram(candidates: Sequence[Candidate], limit_kib: float) -> Spec:
    """Bars of the arena's two parts, with the limit as a line."""
    parts = (("activations (head)", "head_kib"), ("the runtime's own (tail)", "tail_kib"))
    rows = [
        {"id": candidate.id, "part": part, "kib": getattr(candidate, field), "order": order, "sum": candidate.sram_kib}
        for candidate in candidates
        for order, (part, field) in enumerate(parts)
    ]
    order = [candidate.id for candidate in candidates]
    axis = {"labelAngle": 0 if len(order) <= MAX_LEVEL else -90}
    most = max([limit_kib, *(candidate.sram_kib or 0 for candidate in candidates)])
    bars = {
        "mark": {"type": "bar", "width": {"band": 0.7}},
        "encoding": {
            "x": {"field": "id", "type": "nominal", "sort": order, "title": "candidate", "axis": axis},
            "y": with_room(quantity("kib", "peak SRAM (KiB)"), most),
            "color": series("part", [part for part, _ in parts]),
            "order": {"field": "order"},
            "tooltip": [
                {"field": "id", "title": "candidate"},
                {"field": "part", "title": "part"},
                {"field": "kib", "title": "KiB", "format": ",.1f"},
                {"field": "sum", "title": "whole arena (KiB)", "format": ",.1f"},
            ],
        },
    }
    return {
        "height": 260,
        "data": {"values": rows},
        "layer": [bars, *limit_line(limit_kib, f"limit {limit_kib:g} KiB")],
    }


def draw_progress(steps: Sequence[ProgressStep], field: str, title: str) -> Spec:
    """One figure of the search over its proposals, as a staircase."""
    shown = {"field": field, "title": title, "format": ".4f" if field == "hypervolume" else ".1f"}
    return {
        "height": 220,
        "data": {"values": [asdict(step) for step in steps]},
        "mark": {"type": "line", "interpolate": "step-after", "color": SERIES[0], "point": {"color": SERIES[0]}},
        "encoding": {
            "x": quantity("number", "proposal", zero=False) | {"axis": {"tickMinStep": 1, "format": "d"}},
            "y": quantity(field, title),
            "tooltip": [
                {"field": "number", "title": "proposal"},
                {"field": "trained", "title": "trained so far"},
                shown,
            ],
        },
    }


def draw_endings(endings: Sequence[Ending], title: str) -> Spec:
    """How proposals ended, as bars with their counts."""
    most = max((ending.count for ending in endings), default=1)
    x = quantity("count", title) | {"axis": {"tickMinStep": 1, "format": "d"}}
    x["scale"] = {"domain": [0, 1.15 * most]}  # room for the numbers next to the bars
    number = {"type": "text", "align": "left", "dx": 4, "color": "var(--ink)", "aria": False}
    return {
        "height": 36 * len(endings),
        "data": {"values": [asdict(ending) | {"name": wrap_name(ending.name)} for ending in endings]},
        "encoding": {"y": named_rows(), "x": x},
        "layer": [
            {
                "mark": {"type": "bar", "color": SERIES[0]},
                "encoding": {"tooltip": [{"field": "name"}, {"field": "count"}]},
            },
            {"mark": number, "encoding": {"text": {"field": "count"}}},
        ],
    }


def draw_stage_costs(member: Member) -> Spec:
    """Each stage's share of MACs and parameters."""
    rows = [
        {"stage": stage.name, "what": what, "percent": percent}
        for stage in member.stages
        for what, percent in (("MACs", stage.macs_percent), ("parameters", stage.params_percent))
    ]
    stages = [stage.name for stage in member.stages]
    return {
        "height": 200,
        "data": {"values": rows},
        "mark": "bar",
        "encoding": {
            "x": {"field": "stage", "type": "nominal", "sort": stages, "title": "stage"},
            "xOffset": {"field": "what"},
            "y": quantity("percent", "share of the network (%)"),
            "color": series("what", ["MACs", "parameters"]),
            "tooltip": [{"field": "stage"}, {"field": "what"}, {"field": "percent", "title": "%", "format": ".1f"}],
        },
    }


def draw_memory(member: Member) -> Spec:
    """What is alive in the arena while each operator runs, with the head the planner needs."""
    stages = [stage.name for stage in member.stages]
    bars = {
        "mark": {"type": "bar", "aria": False},
        "encoding": {
            "x": {"field": "index", "type": "ordinal", "title": "operator", "axis": {"labelSeparation": 6}},
            "y": with_room(quantity("live_kib", "alive in the arena (KiB)"), member.head_kib),
            "color": series("stage", stages, "stage"),
            "tooltip": [
                {"field": "index", "title": "operator"},
                {"field": "op", "title": "kind"},
                {"field": "stage"},
                {"field": "shape", "title": "output"},
                {"field": "live_kib", "title": "alive (KiB)", "format": ",.1f"},
            ],
        },
    }
    operators = [asdict(operator) for operator in member.operators]
    head = limit_line(member.head_kib, f"head as planned {member.head_kib:.1f} KiB")
    return {"height": 220, "data": {"values": operators}, "layer": [bars, *head]}


def draw_curve(member: Member, field: str, title: str) -> Spec:
    """One figure over the epochs of every phase the network went through."""
    phases = list(dict.fromkeys(epoch.phase for epoch in member.epochs))
    return {
        "height": 220,
        "data": {"values": [asdict(epoch) for epoch in member.epochs]},
        "mark": {"type": "line", "point": True, "aria": False},
        "encoding": {
            "x": quantity("epoch", "epoch", zero=False) | {"axis": {"tickMinStep": 1, "format": "d"}},
            "y": quantity(field, title, zero=False),
            "color": series("phase", phases),
            "strokeDash": {"field": "phase", "type": "nominal", "sort": phases, "legend": None},
            "tooltip": [{"field": "phase"}, {"field": "epoch"}, {"field": field, "title": title, "format": ".3f"}],
        },
    }
