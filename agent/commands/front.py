"""`front`: the Pareto front of a run."""

from __future__ import annotations

from pathlib import Path

from agent.output import JsonOption, QuietOption, RunArgument, RunsOption, print_json, result_console


def front(run: RunArgument, runs: RunsOption = "runs", json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Show the Pareto front over validation accuracy, MACs and parameters."""
    from agent.narration import build_front_table
    from nas.pareto import find_front
    from nas.store import RunStore
    from tools.pareto_status import summarize_member

    members = find_front(RunStore.open(Path(runs), run).load_trials())
    summaries = [summarize_member(member) for member in members]
    if json:
        architectures = [member.architecture.to_dict() for member in members if member.architecture]
        print_json([s | {"architecture": a} for s, a in zip(summaries, architectures, strict=True)])
    elif not quiet:
        result_console().print(build_front_table(summaries))
