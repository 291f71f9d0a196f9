"""`trials`: what was tried."""

from __future__ import annotations

from pathlib import Path

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption, print_json, result_console


def trials(run: RunArgument, runs: RunsOption = "runs", json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List every proposal of a run and how it ended."""
    from rich.table import Table
    from rich.text import Text

    from nas.plain_text import plain
    from nas.quantities import KIB, format_violation
    from nas.records.run_store import RunStore

    found = RunStore.open(Path(runs), run).load_trials()
    if json:
        print_json([trial.to_dict() for trial in found])
        return
    table = Table()
    for name in ("trial", "state", "from", "accuracy %", "MACs M", "peak SRAM KiB", "why"):
        table.add_column(name, justify="right" if name.endswith(("%", "M", "KiB")) else "left")
    for trial in found:
        costs = trial.costs
        table.add_row(
            trial.id,
            trial.state,
            trial.parent or "",
            f"{100 * trial.validation_accuracy:.2f}" if trial.validation_accuracy is not None else "",
            f"{costs.macs / 1e6:.2f}" if costs else "",
            f"{costs.arena_bytes / KIB:.1f}" if costs else "",
            Text("; ".join(map(format_violation, trial.violations)) or plain(trial.reason)),
        )
    if not quiet:
        result_console().print(table)
