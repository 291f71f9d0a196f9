"""Writing reports: from run folders to HTML files."""

from __future__ import annotations

from pathlib import Path

from agent.inquiry import read_records
from agent.places import cache_folder
from agent.report.library import load_plotting_library
from agent.report.report import build_report
from agent.transcript import tell_transcript
from nas.plain_text import plain
from nas.store import RunStore


def save_report(store: RunStore, path: Path | None = None) -> Path:
    """Write a run's report to `path`, or to report.html in the run folder, and return where it is."""
    page = build_report(
        plain(store.run_id), read_records(store), tell_transcript(store), load_plotting_library(cache_folder())
    )
    return _write(path or store.folder / "report.html", page)


def _write(path: Path, page: str) -> Path:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)  # a crash leaves the old report or the new one
    return path
