"""`resume`: continue where a run stopped, or fork it at an earlier step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, RunArgument, RunsOption


def resume(
    run: RunArgument,
    step: Annotated[
        int | None,
        typer.Option(
            "--from", help="Fork: a new run that repeats this step anew (see `replay --steps`).", min=1, metavar="STEP"
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="With --from: id of the new run.", metavar="ID")] = None,
    llm: Annotated[
        str | None, typer.Option(help="With --from: another chat model goes on; see `models`.", metavar="SPEC")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(help="With --llm: where its server is.", metavar="URL")] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Continue an interrupted run where it stopped; with --from, fork a new run at an earlier step."""
    from agent.config import read_config
    from agent.terminal.run_session import carry_on
    from nas.errors import SettingError
    from nas.records.run_store import RunStore

    if step is None:
        if name or llm or llm_url:
            raise SettingError("--name, --llm and --llm-url go with --from STEP; a resumed run keeps its own")
        with RunStore.open(Path(runs), run) as store:
            if store.load_config().get("checkpoints") == "server":
                rule = "resume goes on with a run of the command line"
                raise SettingError(f"{rule}; a LangGraph server began {store.run_id}: go on with its thread there")
            mended = store.lock()
            carry_on(read_config(store.load_config()["config"]), lambda _: store, json=json, quiet=quiet, mended=mended)
        return
    from agent.running.forking import configure_fork, fork_run, name_fork, read_shared_steps

    source = RunStore.open(Path(runs), run)
    config = configure_fork(source, {"spec": llm, "url": llm_url})
    fork_id = name or name_fork(Path(runs), source.run_id, step)
    RunStore.check_new(Path(runs), fork_id)
    read_shared_steps(source, step)  # what is wrong with the step must not wait for the chat model to be opened
    carry_on(config, partial(fork_run, source, config, Path(runs), fork_id, step), json=json, quiet=quiet)
