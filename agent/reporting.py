"""Writing reports: from run folders to HTML files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.inquiry import read_records
from agent.places import cache_folder
from agent.report.comparison import build_comparison
from agent.report.library import load_plotting_library
from agent.report.report import build_report
from agent.transcript import tell_transcript
from nas.errors import SettingError
from nas.plain_text import plain
from nas.records import RunRecords
from nas.store import RunStore


def save_report(store: RunStore, path: Path | None = None) -> Path:
    """Write a run's report to `path`, or to report.html in the run folder, and return where it is."""
    page = build_report(
        plain(store.run_id), read_records(store), tell_transcript(store), load_plotting_library(cache_folder())
    )
    return _write(path or store.folder / "report.html", page)


def open_runs(root: Path, names: Sequence[str]) -> dict[str, RunRecords]:
    """The records of at least two different runs, by id; runs of one id are told apart by their folders."""
    stores = {store.folder.resolve(): store for store in (RunStore.open(root, name) for name in names)}
    if len(stores) < 2:
        raise SettingError(f"compare takes at least two different runs; got {', '.join(names)}; name another one")
    ids = [store.run_id for store in stores.values()]
    return {
        plain(store.run_id if ids.count(store.run_id) == 1 else str(folder)): read_records(store)
        for folder, store in stores.items()
    }


def save_comparison(runs: Mapping[str, RunRecords], path: Path) -> Path:
    """Write the comparison of several runs to `path`; raises SettingError for runs that cannot be compared."""
    return _write(path, build_comparison(runs, load_plotting_library(cache_folder())))


def _write(path: Path, page: str) -> Path:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)  # a crash leaves the old report or the new one
    return path
