"""What the plots have in common: axes with units, series of colours, lines with labels (see charts.py)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]

SERIES = tuple(f"var(--series-{number})" for number in range(1, 9))
NAME_WIDTH = 26  # characters next to bars
LABEL_ROOM = 1.14  # of the height under a label


def quantity(field: str, title: str, *, zero: bool = True, padding: int = 0) -> Spec:
    """An axis of figures; `title` holds the unit; `padding`: pixels left free at both ends."""
    scale = {"zero": zero, "nice": True} | ({"padding": padding} if padding else {})
    return {"field": field, "type": "quantitative", "title": title, "scale": scale}


def named_rows() -> Spec:
    """An axis of names from `wrap_name`, in the order in which they come."""
    axis = {"labelLimit": 170, "labelExpr": "split(datum.label, '\\n')"}
    return {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": axis}


def wrap_name(name: str) -> str:
    """The name in lines of at most NAME_WIDTH characters: what is longer would be cut."""
    return "\n".join(textwrap.wrap(name, NAME_WIDTH))


def series(field: str, names: Sequence[str], title: str | None = None) -> Spec:
    """Colours for names, in their order."""
    colours = [SERIES[index % len(SERIES)] for index in range(len(names))]
    return {"field": field, "type": "nominal", "title": title, "scale": {"domain": list(names), "range": colours}}


def limit_line(value: float, label: str) -> list[Spec]:
    """A dashed line across the plot with its label above it, as layers."""
    data = {"values": [{"value": value, "label": label}]}
    line = {"type": "rule", "color": "var(--limit)", "strokeDash": [6, 4], "strokeWidth": 2, "aria": False}
    text = {"type": "text", "align": "right", "baseline": "bottom", "dx": -4, "dy": -4, "aria": False}
    halo = {"color": "var(--paper)", "stroke": "var(--paper)", "strokeWidth": 5, "strokeJoin": "round"}
    y = {"field": "value", "type": "quantitative"}
    place = {"y": y, "x": {"value": "width"}, "text": {"field": "label"}}
    return [
        {"data": data, "mark": line, "encoding": {"y": y}},
        {"data": data, "mark": text | halo, "encoding": place},  # no grid line crosses the label
        {"data": data, "mark": text | {"color": "var(--limit)"}, "encoding": place},
    ]


def with_room(axis: Spec, most: float) -> Spec:
    """The axis from 0 on, with room for a label above a line at `most`."""
    return axis | {"scale": axis["scale"] | {"domain": [0, LABEL_ROOM * most]}}
