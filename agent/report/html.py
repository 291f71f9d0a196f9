"""From figures to a page: strict templates that escape everything, and the figures' data next to them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from nas.plain_text import plain

NOTHING = "\N{EN DASH}"  # stands for a missing figure


def fill_page(template: str, library: str, charts: Mapping[str, Any], **values: Any) -> str:
    """The HTML of a template of this package; all text is escaped, and on one line unless it is Markup."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_plain,
    )
    environment.filters |= {"figure": format_figure, "spread": format_spread}
    assets = {
        "library": Markup(library),  # noqa: S704  # our own files and the plotting library's, no text of others
        "script": Markup(_read("report.js")),  # noqa: S704
        "style": Markup(_read("report.css")),  # noqa: S704
    }
    return environment.get_template(template).render(charts=charts, **assets, **values)


def format_figure(value: float | None, digits: int = 2) -> str:
    """A figure with thousands separators, or a dash where there is none."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def format_spread(spread: tuple[float, float, float] | None, digits: int = 2) -> str:
    """`[38.68, 68.58] 60.50`: minimum, maximum and mean, as the paper's Table III writes them."""
    if spread is None:
        return NOTHING
    low, high, mean = spread
    return f"[{low:,.{digits}f}, {high:,.{digits}f}] {mean:,.{digits}f}"


def _make_plain(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _read(name: str) -> str:
    return resources.files("agent.report").joinpath("templates", name).read_text(encoding="utf-8")
