"""`export`: (re)build the delivery folder of a candidate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nas.records.explained import Explanation
    from nas.records.run_records import RunRecords
    from nas.records.run_store import RunStore

from agent.terminal.output import (
    JsonOption,
    QuietOption,
    RunArgument,
    RunsOption,
    message_console,
    print_json,
    result_console,
)


def export(
    run: RunArgument,
    candidate: Annotated[
        str | None, typer.Option(help="A trained candidate; default: the front's most accurate.", metavar="ID")
    ] = None,
    board: Annotated[str | None, typer.Option(help="Check against this board instead.", metavar="NAME")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Delivery folder; default: in the run folder.", metavar="DIR")
    ] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """(Re)build a candidate's delivery; trains it first if need be, refuses what does not fit the board."""
    from agent.config import read_config
    from agent.running.resources import limit_threads, load_data
    from agent.running.runner import build_local_workspace
    from agent.terminal.live_display import Display
    from agent.transcript.tables import build_delivery_table
    from nas.errors import SettingError
    from nas.records.outcomes import CandidateOutcome
    from nas.records.run_store import RunStore

    with RunStore.open(Path(runs), run) as store, Display(message_console(), quiet=quiet) as display:
        store.lock()
        recorded = store.load_config()["config"]
        config = read_config(recorded)
        if board:
            config = config.for_board(board)
        limit_threads(config)
        workspace = build_local_workspace(config, store, load_data(config), display.show)
        members = workspace.front
        if candidate is None and not members:
            raise SettingError(f"export needs a trained candidate; run {store.run_id} has none")
        chosen = candidate or members[0].id
        if workspace.find(chosen).state != "trained":
            raise SettingError(f"export takes a trained candidate; {chosen} is {workspace.find(chosen).state}")
        workspace.require_fit(chosen)
        outcome = CandidateOutcome(full=workspace.train_fully(chosen), distill=workspace.distill(chosen))
        records = workspace.snapshot({chosen: outcome})
        metrics = workspace.export(_find_explanation(store, chosen, records), records, folder=out)
    folder = out or store.delivery_folder(chosen)
    if json:
        print_json({"candidate": chosen, "folder": str(folder), "metrics": metrics.to_dict()})
    elif not quiet:
        result_console().print(build_delivery_table(chosen, replace(outcome, metrics=metrics)))
        result_console().print(f"delivered to {folder}")


def _find_explanation(store: RunStore, candidate: str, records: RunRecords) -> Explanation:
    """The explanation the run's designer gave, else the system's own: exporting asks no chat model."""
    from nas.explanation.claims import derive_claims
    from nas.explanation.explanation import explain_by_system
    from nas.records.explained import Explained

    given = [line.event.explanation for line in store.load_trace() if isinstance(line.event, Explained)]
    for explanation in reversed(given):
        if explanation.candidate == candidate:
            return explanation
    claims = derive_claims(records, candidate)
    return explain_by_system(candidate, claims, "the candidate was exported after the run, and no chat model was asked")
