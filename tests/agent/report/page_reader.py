"""Reads a page of the report: what is in its tables, tags and plots."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any


class PageReader(HTMLParser):
    """Tables by caption (rows of cell texts), the charts' JSON, and every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.charts: dict[str, Any] = {}
        self._rows: list[list[str]] = []
        self._caption = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "a":  # a link's text belongs to its cell
            self._inside = "charts" if dict(attrs).get("id") == "charts" else tag
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.tables[self._caption] = self._rows
        if tag != "a":
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "caption":
            self._caption += data
        elif self._inside in ("td", "th"):
            self._rows[-1][-1] += data
        elif self._inside == "charts":
            self.charts = json.loads(data)
