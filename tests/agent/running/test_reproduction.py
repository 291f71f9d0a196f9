from __future__ import annotations

import shlex
from itertools import pairwise

from agent.config import resolve_config
from agent.running.reproduction import run_command


def settings_of(command: str) -> list[str]:
    words = shlex.split(command)
    return [value for word, value in pairwise(words) if word == "--set"]


def test_an_unchanged_preset_needs_no_setting() -> None:
    assert run_command(resolve_config("quick")) == "kilosmith run --preset quick"


def test_the_command_gives_the_same_configuration_again() -> None:
    changes = ["seed=7", 'data.spec="folder:/tmp/it\'s mine"', "design.max_trials=3", "training.mini.epochs=40"]
    config = resolve_config("paper", settings=changes, flags={"board": "imxrt1062"})
    command = run_command(config)
    assert command.startswith("kilosmith run --preset paper --set ")
    assert resolve_config("paper", settings=settings_of(command)) == config
