"""Writing reports: from run folders to HTML files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from agent.report.comparison_page import build_comparison
from agent.report.plotting_library import load_plotting_library
from agent.report.run_page import build_report
from agent.running.paths import cache_folder
from agent.transcript.saved_transcript import tell_transcript
from nas.documents.atomic_files import write_text
from nas.errors import SettingError
from nas.plain_text import plain
from nas.records.reading import read_records
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore

REPORT = "report.html"  # in a run folder


def save_report(store: RunStore, path: Path | None = None) -> Path:
    """Write a run's report to `path`, or to report.html in the run folder, and return where it is."""
    page = build_report(
        plain(store.run_id), read_records(store), tell_transcript(store), load_plotting_library(cache_folder())
    )
    path = path or store.folder / REPORT
    write_text(path, page)
    return path


def find_runs(root: Path, names: Sequence[str]) -> dict[str, RunStore]:
    """At least two different runs, by id; runs of one id are told apart by their folders."""
    stores = {store.folder.resolve(): store for store in (RunStore.open(root, name) for name in names)}
    if len(stores) < 2:
        raise SettingError(f"compare takes at least two different runs; got {', '.join(names)}; name another one")
    ids = [store.run_id for store in stores.values()]
    return {
        plain(store.run_id if ids.count(store.run_id) == 1 else str(folder)): store for folder, store in stores.items()
    }


def save_comparison(runs: Mapping[str, RunStore], path: Path) -> dict[str, RunRecords]:
    """Write the comparison of several runs to `path`, with links to the reports in their folders.

    Returns the runs' records; raises SettingError for runs that cannot be compared.
    """
    records = {name: read_records(store) for name, store in runs.items()}
    reports = {name: store.folder / REPORT for name, store in runs.items()}
    addresses = {name: _address(report, path) for name, report in reports.items() if report.is_file()}
    write_text(path, build_comparison(records, load_plotting_library(cache_folder()), addresses))
    return records


def _address(target: Path, page: Path) -> str:
    """Where `target` is as seen from `page`: relative, so that a folder with both may be moved."""
    relative = Path(os.path.relpath(target.resolve(), page.resolve().parent))
    return quote(os.fsencode(relative.as_posix()))  # bytes: a name need not be UTF-8
