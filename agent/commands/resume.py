"""`resume`: go on where a run stopped."""

from __future__ import annotations

from pathlib import Path

from agent.output import JsonOption, QuietOption, RunArgument, RunsOption


def resume(run: RunArgument, runs: RunsOption = "runs", json: JsonOption = False, quiet: QuietOption = False) -> None:
    """Continue an interrupted run where it stopped."""
    from agent.config import read_config
    from agent.session import carry_on
    from nas.store import RunStore

    with RunStore.open(Path(runs), run) as store:
        store.lock()
        carry_on(read_config(store.load_config()["config"]), lambda: store, json=json, quiet=quiet)
