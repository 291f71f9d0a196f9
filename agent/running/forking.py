"""Forking a run: a new run that shares the steps before a given one and continues independently from there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.config import RunConfig, read_config
from agent.running.reexecution import rebuild
from agent.running.runner import create_run, open_checkpointer
from nas.errors import CheckError, KilosmithError, SettingError
from nas.records.run_events import RunForked
from nas.records.run_store import RunStore
from nas.records.trace import Step, read_steps
from nas.records.trace_line import TraceLine
from nas.training.phase_events import PhaseFinished


def name_fork(root: Path, run_id: str, step: int) -> str:
    """An unused id for the fork."""
    base = f"{run_id[:48]}-from-{step}"
    numbers = (f"{base}.{number}" for number in range(2, 10_000))
    return next(name for name in (base, *numbers) if not (root / name).exists())


def configure_fork(source: RunStore, changes: Mapping[str, Any]) -> RunConfig:
    """The source's configuration, with another chat model if one is given; all else determines the shared steps too."""
    tree = source.load_config()["config"]
    for name, value in changes.items():
        if value is not None:
            tree["llm"][name] = value
    return read_config(tree)


def read_shared_steps(source: RunStore, step: int) -> tuple[list[Step], list[TraceLine]]:
    """The steps before `step` and the lines of the trace up to their end; what comes later need not be intact."""
    lines: list[TraceLine] = []
    try:
        for line in source.load_trace():
            lines.append(line)
    except CheckError:
        # the reason to fork may be that the rest is damaged: only what is shared must be intact
        if len(shared := _before(lines, step)) < step - 1:
            raise
    else:
        shared = _before(lines, step)
        last = len(read_steps(lines)) + 1
        if len(shared) < step - 1:
            raise SettingError(f"--from must be a step of the run, 1 to {last}; got {step}; see replay --steps")
    end = shared[-1].last_seq if shared else 0
    return shared, lines[:end]


def _before(lines: list[TraceLine], step: int) -> list[Step]:
    return [found for found in read_steps(lines) if found.number < step and found.is_finished]


def fork_run(
    source: RunStore, config: RunConfig, root: Path, run_id: str, step: int, tell: Callable[[str], None]
) -> RunStore:
    """The new, locked run; its trace begins with the shared lines, its state is recomputed from them.

    Raises CheckError if the shared steps do not come out as recorded; no folder is left behind then.
    """
    shared, lines = read_shared_steps(source, step)
    target = create_run(config, root, run_id)
    try:
        target.adopt_trace(lines)
        with open_checkpointer(target) as checkpointer:
            if shared:
                tell(f"executing {len(shared)} steps of {source.run_id} again")
                rebuild(source, target, checkpointer, shared, lines)
        _copy_training(source, target, lines)
        target.append_event(RunForked(source.run_id, step), datetime.now(UTC).isoformat(timespec="milliseconds"))
    except (KilosmithError, OSError, KeyboardInterrupt):
        target.close()
        shutil.rmtree(target.folder, ignore_errors=True)
        raise
    return target


def _copy_training(source: RunStore, target: RunStore, lines: list[TraceLine]) -> None:
    """Copy the weights of every phase that the shared steps finished, and the teacher of a distillation."""
    for line in lines:
        if not isinstance(line.event, PhaseFinished):
            continue
        candidate, phase = line.event.candidate, line.event.outcome.phase
        folders = [source.training_folder / candidate / phase]
        if phase == "distill":
            folders.append(source.training_folder / "teacher")
        for folder in folders:
            place = target.folder / folder.relative_to(source.folder)
            if folder.is_dir() and not place.exists():  # a mini-phase leaves none
                shutil.copytree(folder, place)
