"""`run`: the main job, start to finish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, RunsOption


def run(
    preset: Annotated[str, typer.Option(help="Named settings to start from.", metavar="NAME")] = "quick",
    config: Annotated[Path | None, typer.Option(help="TOML file that changes settings.", metavar="FILE.toml")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="digits, fashion-mnist[:DIR], cifar10:DIR, cifar100:DIR or folder:DIR.", metavar="SPEC"),
    ] = None,
    board: Annotated[str | None, typer.Option(help="See `boards`.", metavar="NAME")] = None,
    llm: Annotated[
        str | None,
        typer.Option(
            help="smollm2, hf:ORG/NAME, a model folder, openai:MODEL, hf-endpoint:ORG/NAME, scripted:FILE.json, random "
            "or mutate; see `models`.",
            metavar="SPEC",
        ),
    ] = None,
    llm_url: Annotated[
        str | None, typer.Option(help="Where openai: or hf-endpoint: finds its server; see `models`.", metavar="URL")
    ] = None,
    approve: Annotated[str | None, typer.Option(help="auto, or ask before the delivery.", metavar="auto|ask")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that train the candidates of a batch (design.batch).", metavar="N")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    name: Annotated[str | None, typer.Option(help="Run id; default: time and preset.", metavar="ID")] = None,
    runs: RunsOption = "runs",
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Search, train, distill and deliver: the main job, start to finish."""
    from agent.config import resolve_config
    from agent.running.runner import create_run, name_run
    from agent.terminal.run_session import carry_on
    from nas.records.run_store import RunStore

    flags = {"data.spec": data, "board": board, "llm.spec": llm, "llm.url": llm_url, "approve": approve}
    numbers = {"workers": workers, "seed": seed}
    resolved = resolve_config(preset, file=config, settings=settings or [], flags={**flags, **numbers})
    run_id = name or name_run(resolved)
    resolved.resolve_budget()  # what is wrong with the arguments must not wait for the chat model to be opened
    RunStore.check_new(Path(runs), run_id)
    carry_on(resolved, lambda _: create_run(resolved, Path(runs), run_id), json=json, quiet=quiet)
