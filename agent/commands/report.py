"""`report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption, print_json, result_console


def report(
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; default: report.html in the run folder.", metavar="FILE.html"),
    ] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write a run's report: one HTML file with plots, tables, explanation and transcript that needs no network."""
    from agent.report.saving import save_report
    from nas.records.run_store import RunStore

    store = RunStore.open(Path(runs), run)
    path = save_report(store, out)
    if json:
        print_json({"run": store.run_id, "report": str(path), "bytes": path.stat().st_size})
    elif not quiet:
        result_console().print(f"report of {store.run_id} written to {path}", markup=False, soft_wrap=True)
