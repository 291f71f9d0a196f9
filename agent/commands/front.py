"""`front`: the Pareto front of a run."""

from __future__ import annotations

from pathlib import Path

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption, print_json, result_console


def front(run: RunArgument, runs: RunsOption = "runs", json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Show the Pareto front over validation accuracy, MACs and parameters."""
    from agent.transcript.tables import build_front_table
    from nas.records.run_store import RunStore
    from nas.search.pareto import find_front, summarize_member

    members = find_front(RunStore.open(Path(runs), run).load_trials())
    summaries = [summarize_member(member) for member in members]
    if json:
        architectures = [member.architecture.to_dict() for member in members if member.architecture]
        print_json([s.to_dict() | {"architecture": a} for s, a in zip(summaries, architectures, strict=True)])
    elif not quiet:
        result_console().print(build_front_table(summaries))
