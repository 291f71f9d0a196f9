"""`teacher`: train or fine-tune a teacher on a data set, once for many runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, message_console, print_json, result_console

if TYPE_CHECKING:
    from nas.training import EpochResult


def teacher(
    out: Annotated[Path, typer.Option(help="Folder the teacher is kept in.", metavar="DIR")],
    base: Annotated[
        str,
        typer.Option(help="A timm folder or hf:ORG/NAME to fine-tune, or train for a new ViT.", metavar="SOURCE"),
    ] = "train",
    preset: Annotated[str, typer.Option(help="Whose data and teacher's recipe to use.", metavar="NAME")] = "quick",
    config: Annotated[Path | None, typer.Option(help="TOML file that changes settings.", metavar="FILE.toml")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting, as training.teacher.epochs=5.", metavar="KEY=VALUE"),
    ] = None,
    data: Annotated[str | None, typer.Option(help="As for `run`.", metavar="SPEC")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a teacher on a data set's training split; interrupted, the same command goes on after the last epoch."""
    from agent.config import resolve_config
    from agent.running.resources import limit_threads, load_data
    from agent.terminal.live_display import Display
    from nas.training.devices import choose_device
    from nas.training.phase_events import EpochFinished
    from nas.training.teacher_tuning import tune_teacher

    flags = {"data.spec": data, "seed": seed, "training.teacher.source": base}
    resolved = resolve_config(preset, file=config, settings=settings or [], flags=flags)
    limit_threads(resolved)
    device = choose_device(resolved.training.device)
    with Display(message_console(), quiet=quiet) as display:

        def announce(epoch: EpochResult) -> None:
            display.show(EpochFinished("teacher", "teacher", epoch))

        result = tune_teacher(
            load_data(resolved),
            resolved.training.teacher,
            seed=resolved.seed,
            folder=out,
            on_epoch=announce,
            device=device,
        )
    if json:
        found = {"validation_accuracy": result.validation_accuracy, "seconds": result.seconds}
        print_json({"folder": str(out), "epochs": len(result.curve)} | found)
    elif not quiet:
        result_console().print(
            f"teacher in {out}: {result.validation_accuracy:.2%} validation ({result.seconds:.0f} s)"
        )
        result_console().print(f"use it with --set training.teacher.source={out}")
