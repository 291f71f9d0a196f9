"""The model card: README.md of a delivery folder, with Hugging Face front matter, from the delivery's own figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined

from nas.export.metrics import DeliveryMetrics
from nas.plain_text import plain, plain_markdown
from nas.space.architecture import Architecture

NUM_CLASSES_SHOWN = 10


def render_card(metrics: DeliveryMetrics, architecture: Architecture) -> str:
    """Markdown; names from outside are escaped. The template names the figures as metrics.json does."""
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701  # Markdown, not HTML; text from outside goes through `md`, `json` or `line`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "md": plain_markdown,
        "line": plain,
        "json": lambda text: json.dumps(plain(text)),  # a JSON string is a YAML string
        "percent": lambda fraction: f"{fraction:.2%}",
        "points": lambda fraction: f"{100 * fraction:+.2f} points",
        "interval": lambda ends: f"{ends['low']:.2%} to {ends['high']:.2%}",
        "figures": _write_figures,
    }
    text = resources.files("nas.export").joinpath("model_card.md.j2").read_text(encoding="utf-8")
    stages = architecture.to_dict()["stages"]
    return environment.from_string(text).render(metrics.to_dict(), stages=stages, num_classes_shown=NUM_CLASSES_SHOWN)


def _write_figures(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
