"""`estimate`: the costs of one architecture, with verdict and feedback."""

from __future__ import annotations

import json as json_format
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.terminal.output import JsonOption, QuietOption, print_json, result_console

if TYPE_CHECKING:
    from nas.space.architecture import Task

_INPUT = re.compile(r"(\d+)x(\d+)x(\d+)")


def estimate(
    architecture: Annotated[Path, typer.Argument(help="Architecture file (JSON).", metavar="ARCH.json")],
    preset: Annotated[str, typer.Option(help="Whose space, budget and input to use.", metavar="NAME")] = "paper",
    board: Annotated[str | None, typer.Option(help="See `boards`.", metavar="NAME")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    input_shape: Annotated[
        str | None, typer.Option("--input", help="Image height x width x channels.", metavar="HxWxC")
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes.", min=2)] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Price one architecture: MACs, peak SRAM, flash, and what would have to change to make it legal."""
    from dataclasses import replace

    from agent.config import resolve_config
    from agent.terminal.cost_table import print_costs
    from nas.cost import estimate as estimate_costs

    config = resolve_config(preset, settings=settings or [], flags={"board": board})
    task = config.resolve_task()
    if input_shape is not None:
        task = _with_input(task, input_shape)
    if classes is not None:
        task = replace(task, num_classes=classes)
    document = _read_architecture(architecture)
    # The file decides how many stages it has; every other choice is the space's.
    stages = document.get("stages") if isinstance(document, dict) else None
    num_stages = len(stages) if isinstance(stages, list) and stages else config.space.num_stages
    space = replace(config.resolve_space(), num_stages=num_stages)
    parsed = space.parse(document)
    space.check_resolution(parsed, task)
    budget = config.resolve_budget()
    found = estimate_costs(parsed, space, task, budget)
    if json:
        verdict = {"feasible": found.is_legal, "violations": [violation.to_dict() for violation in found.violations]}
        print_json(found.report.to_dict() | verdict)
    elif not quiet:
        print_costs(result_console(), found.report, found.violations, budget)


def _with_input(task: Task, text: str) -> Task:
    from dataclasses import replace

    from nas.errors import SettingError

    match = _INPUT.fullmatch(text)
    if match is None or not all(int(part) for part in match.groups()):
        raise SettingError(f"--input must be HxWxC, for example 160x160x3; got {text!r}")
    height, width, channels = (int(part) for part in match.groups())
    return replace(task, height=height, width=width, channels=channels)


def _read_architecture(path: Path) -> Any:
    from nas.errors import SettingError

    try:
        return json_format.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"ARCH.json must be a readable file; {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingError(f"an architecture file must be JSON; {path}: {error}") from error
