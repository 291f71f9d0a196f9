"""`compare`: several runs side by side."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent.report.groups import Group

from agent.terminal.output import JsonOption, QuietOption, RunsOption, print_json, result_console


def compare(
    run: Annotated[list[str], typer.Argument(help="At least two run ids or paths.", metavar="RUN RUN...")],
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE.html")] = Path("comparison.html"),
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare runs of one task and budget: fronts, statistics, and hypervolume with intervals, as one HTML file."""
    from agent.report.figures import sum_statistics
    from agent.report.groups import group_runs
    from agent.report.saving import find_runs, save_comparison

    opened = save_comparison(find_runs(Path(runs), run), out)
    groups = group_runs(opened)
    if json:
        rows = [asdict(sum_statistics(name, records)) for name, records in opened.items()]
        print_json({"comparison": str(out), "runs": rows, "designers": [asdict(group) for group in groups]})
    elif not quiet:
        console = result_console()
        for group in groups:
            console.print(f"{group.designer}: hypervolume {group.hypervolume}{_format_runs(group)}", markup=False)
        console.print(f"{len(opened)} runs compared in {out}", markup=False, soft_wrap=True)


def _format_runs(group: Group) -> str:
    return f" over {len(group.runs)} runs" if len(group.runs) > 1 else ""
