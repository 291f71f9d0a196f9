"""`sample`: architectures drawn from the search space."""

from __future__ import annotations

import json as json_format
import random
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, print_json, print_line


def sample(
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    feasible: Annotated[bool, typer.Option("--feasible", help="Only from the legal part of the space.")] = False,
    preset: Annotated[str, typer.Option(help="Whose space, budget and input to use.", metavar="NAME")] = "paper",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting; may be repeated.", metavar="KEY=VALUE")
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw architectures uniformly from the space, or from its legal part; one JSON object a line."""
    from agent.config import resolve_config
    from nas.cost import sample_feasible

    config = resolve_config(preset, settings=settings or [])
    space, task, budget = config.resolve_space(), config.resolve_task(), config.resolve_budget()
    rng = random.Random(seed)
    drawn = [sample_feasible(space, task, budget, rng) if feasible else space.sample(rng) for _ in range(count)]
    documents = [architecture.to_dict() for architecture in drawn]
    if json:
        print_json(documents)
    elif not quiet:
        for document in documents:
            print_line(json_format.dumps(document))
