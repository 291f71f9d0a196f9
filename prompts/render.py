"""Rendering of the templates; a value a template names but nobody gave is an error, never an empty string."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """The text of `prompts/templates/<template>.md.j2` with the values filled in."""
    return _environment().get_template(f"{template}.md.j2").render(**values).strip() + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("prompts", "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # prompts are plain text, no page is rendered from them
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["millions"] = lambda count: f"{count / 1e6:.2f}M"
    environment.filters["kib"] = lambda size: f"{size / 1024:.1f} KiB"
    environment.filters["percent"] = lambda fraction: f"{fraction:.2%}"
    return environment
