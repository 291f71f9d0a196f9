"""A run killed at any event and resumed leaves the same records as one that never died."""

from __future__ import annotations

import json
import shutil
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from search_examples import BUDGET, SPACE, TASK, make_stages

from agent.chat_models.scripted import ScriptedChatModel
from graphs.checkpoints import PrunedSqliteSaver
from graphs.design.graph import DesignNodes, build_design_graph, count_steps
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from graphs.tracing import LiveAnswers
from nas.cost.board import find_board
from nas.datasets import Dataset, load_dataset
from nas.events import Event
from nas.records.run_events import LlmRequested
from nas.records.run_store import RunStore
from nas.training import TrainingSettings
from nas.workspace.local_executor import LocalExecutor
from nas.workspace.workspace import Workspace


@cache
def load_digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=128)


def says(*calls: tuple[str, dict[str, Any]], content: str = "") -> Any:
    return {"tool_calls": [{"name": name, "args": arguments} for name, arguments in calls], "content": content}


def propose(**first: object) -> tuple[str, dict[str, Any]]:
    return "propose_architecture", {"stages": make_stages(first)}


def edit(parent: str, *edits: tuple[int, str, Any]) -> tuple[str, dict[str, Any]]:
    made = [{"stage": stage, "field": field, "value": value} for stage, field, value in edits]
    return "edit_architecture", {"candidate_id": parent, "edits": made}


def train(number: int) -> tuple[str, dict[str, Any]]:
    return "mini_train", {"candidate_id": f"c{number:03d}"}


# duplicates of waiting candidates, invalid ones among legal ones, several trained at once, idle and wrong answers
AUTONOMOUS = [
    says(propose(), propose(kernel_size=5), propose(kernel_size=5), propose(kernel_size=4)),
    says(("rm", {"x": 1}), edit("c001", (1, "kernel_size", 5)), propose(out_channels=160, num_blocks=6, kernel_size=7)),
    says(content="hm"),
    says(train(1), train(2), propose(kernel_size=7)),
    *[says(content="")] * 3,
    says(propose(activation="swish"), propose()),
    says(train(9)),
    says(train(8)),
]
GUIDED = [
    says(propose()),
    says(propose(kernel_size=4)),
    says(edit("c001", (1, "kernel_size", 5), (2, "kernel_size", 5))),
    says(edit("c001", (1, "kernel_size", 5), (2, "kernel_size", 5))),
    says(("rm", {})),
    says(content="x"),
    says(edit("c003", (1, "se_ratio", 0.25), (2, "kernel_size", 7))),
]
DRIVES = {
    "autonomous": (AUTONOMOUS, {"drive": "autonomous", "max_trials": 4, "max_proposals": 10, "max_answers": 5}),
    "guided": (GUIDED, {"drive": "guided", "max_trials": 9, "max_proposals": 7}),
}


class Killed(BaseException):
    """What no handler in the code under test can catch by accident."""


def session(folder: Path, training: TrainingSettings, drive: str, kill_at: int = 0) -> tuple[list[Any], list[str], int]:
    """One session, which begins or resumes and dies at event `kill_at`: its trials, prompts and number of events."""
    answers, settings = DRIVES[drive]
    exists = (folder / "one" / "config.json").exists()
    store = RunStore.open(folder, "one") if exists else RunStore.create(folder, "one", {})
    if exists:
        store.lock()
    seen: list[Event] = []

    def watch(event: Event) -> None:
        if event.transient:
            return
        seen.append(event)
        if len(seen) == kill_at:
            raise Killed

    workspace = Workspace(
        store=store,
        space=SPACE,
        task=TASK,
        budget=BUDGET,
        board=find_board("nrf52840"),
        executor=LocalExecutor(store.training_folder, TASK, load_digits(), training, 0, watch),
        seed=0,
        events=watch,
        num_niches=4,
    )
    chosen = DesignSettings.model_validate(settings)
    connection = sqlite3.connect(store.checkpoints_path, check_same_thread=False)
    try:
        nodes = DesignNodes(
            Designer(LiveAnswers(ScriptedChatModel(answers=answers))), workspace, chosen, "digits", watch
        )
        graph = build_design_graph(nodes, PrunedSqliteSaver(connection))
        config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": count_steps(chosen)}
        begun = graph.get_state(config).values
        graph.invoke(None if begun else start_state(), config, durability="sync")
    except Killed:
        pass
    finally:
        connection.close()
        store.close()
    trials = sorted(store.load_trials(), key=lambda trial: trial.number)
    prompts = [json.dumps(event.messages) for event in seen if isinstance(event, LlmRequested)]
    return [(trial.id, trial.state, trial.reason, trial.validation_accuracy) for trial in trials], prompts, len(seen)


def check_every(step: int, tmp_path: Path, training: TrainingSettings, drive: str) -> None:
    trials, prompts, num_events = session(tmp_path / "whole", training, drive)
    assert num_events > 50
    for kill_at in range(1, num_events + 1, step):
        folder = tmp_path / "killed"
        _, first, _ = session(folder, training, drive, kill_at)
        resumed, second, _ = session(folder, training, drive)
        assert resumed == trials, f"killed at event {kill_at}"
        assert set(first + second) <= set(prompts), f"killed at event {kill_at}"
        shutil.rmtree(folder)


@pytest.mark.parametrize("drive", DRIVES)
def test_a_kill_now_and_then_changes_no_record(tmp_path: Path, tiny_training: TrainingSettings, drive: str) -> None:
    check_every(11, tmp_path, tiny_training, drive)


@pytest.mark.slow
@pytest.mark.parametrize("drive", DRIVES)
def test_a_kill_at_any_event_changes_no_record(tmp_path: Path, tiny_training: TrainingSettings, drive: str) -> None:
    check_every(1, tmp_path, tiny_training, drive)
