"""Measures whether a search grows slower or fatter: runs of many trained candidates.

    python -m benchmarks.long_run [--trials 300] [--seed 0]

Every candidate is a different legal network, priced, trained for real (one short epoch on 16x16 digits) and added to
the front; nodes, checkpoints and trace are the application's. Three runs: `scripted`, where recorded answers design
whole networks; `masked`, where uniform draws under the masks edit parents and now and then design whole ones;
`autonomous`, where each candidate takes three recorded answers: an illegal proposal beside a legal one, a question, and
the training. For windows of iterations around the 10th and the last it reports, each a median: milliseconds outside
training, characters of the prompt, bytes of the state, bytes of trace.jsonl; and over the whole run bytes of
checkpoints.sqlite. Prints a table and writes benchmarks/results/long_run.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.chat_models.scripted import ScriptedChatModel
from benchmarks.results import write
from benchmarks.searches import MaskedBaseline, same_everywhere
from graphs.checkpoints import PrunedSqliteSaver
from graphs.design.graph import DesignNodes, build_design_graph, count_steps
from graphs.design.settings import DesignSettings
from graphs.design.state import start_state
from graphs.designer import Designer
from graphs.tracing import LiveAnswers
from nas.cost import Budget, sample_feasible
from nas.cost.board import find_board
from nas.datasets import load_dataset
from nas.events import Event
from nas.records.run_events import LlmRequested, NodeFinished, ToolAnswered
from nas.records.run_store import RunStore
from nas.search.trial import format_candidate_id
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace
from nas.workspace.local_executor import LocalExecutor
from nas.workspace.workspace import Workspace

SPACE, TASK = SearchSpace(num_stages=3), Task(16, 16, 1, 10)
BUDGET = Budget(macs_min=50_000, macs_max=1_000_000, peak_sram_bytes=65_536, flash_bytes=524_288)
ONE_EPOCH = {"epochs": 1, "learning_rate": 0.1, "schedule": "cosine", "batch_size": 128}
KINDS = ("scripted", "masked", "autonomous")
WINDOW = 15  # iterations around the one reported, of which the median is taken


def draw_designs(count: int, seed: int) -> list[Architecture]:
    """Distinct legal networks."""
    rng = random.Random(seed)
    found: dict[str, Architecture] = {}
    while len(found) < count:
        architecture = sample_feasible(SPACE, TASK, BUDGET, rng)
        found.setdefault(architecture.fingerprint(TASK.stem_channels), architecture)
    return list(found.values())


class Meter:
    """Watches the events of a run and records the cost of every iteration."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._begun = time.perf_counter()
        self._trained = 0.0
        self._trace_bytes = 0
        self._prompt = 0
        self.rows: list[dict[str, float]] = []

    def __call__(self, event: Event) -> None:
        self._store.append_event(event, datetime.now(UTC).isoformat(timespec="milliseconds"))
        if isinstance(event, LlmRequested) and event.num_told == 0:
            self._prompt = sum(len(message["content"]) for message in event.messages)
        if isinstance(event, ToolAnswered) and event.tool == "mini_train":
            self._trained += event.seconds
        if isinstance(event, NodeFinished) and event.node == "reflect":
            self._close()

    def _close(self) -> None:
        """A candidate is done: everything since the end of the previous one belongs to it."""
        now, trace = time.perf_counter(), self._store.folder / "trace.jsonl"
        size = trace.stat().st_size
        self.rows.append(
            {
                "ms": 1000 * (now - self._begun - self._trained),
                "prompt_characters": self._prompt,
                "trace_bytes": size - self._trace_bytes,
            }
        )
        self._begun, self._trained, self._trace_bytes = now, 0.0, size


def write_script(kind: str, num_trials: int, seed: int) -> list[dict[str, Any]]:
    """The recorded answers of a run."""
    designs = draw_designs(num_trials, seed)
    if kind == "scripted":
        return [answer(("propose_architecture", design.to_dict())) for design in designs]
    answers = []
    for place, design in enumerate(designs):
        # twelve wide blocks before any stride: over the MAC limit, slightly different each time
        stages = design.to_dict()["stages"]
        wide = [{**stages[0], "out_channels": 160, "num_blocks": 6, "stride": 1, "kernel_size": 7}, *stages[1:]]
        legal = format_candidate_id(2 * place + 2)
        answers += [
            answer(("propose_architecture", {"stages": wide}), ("propose_architecture", design.to_dict())),
            answer(("estimate_peak_sram", {"candidate_id": legal}), ("pareto_status", {})),
            answer(("mini_train", {"candidate_id": legal})),
        ]
    return answers


def answer(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "args": arguments} for name, arguments in calls]}


def build_designer(kind: str, num_trials: int, seed: int) -> Designer:
    if kind == "masked":
        return Designer(LiveAnswers(MaskedBaseline(seed=seed, model_name="masked")), takes_masks=True)
    return Designer(LiveAnswers(ScriptedChatModel(answers=write_script(kind, num_trials, seed))))


def search(folder: Path, kind: str, num_trials: int, seed: int) -> dict[str, Any]:
    """Run the search and measure it."""
    store = RunStore.create(folder, kind, {})
    meter = Meter(store)
    workspace = Workspace(
        store=store,
        space=SPACE,
        task=TASK,
        budget=BUDGET,
        board=find_board("nrf52840"),
        executor=LocalExecutor(
            store.training_folder,
            TASK,
            load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=256),
            same_everywhere(ONE_EPOCH),
            seed,
            meter,
        ),
        seed=seed,
        events=meter,
        num_niches=6,
    )
    settings = DesignSettings(
        max_trials=num_trials,
        max_proposals=3 * num_trials,
        num_whole=num_trials if kind == "scripted" else 2,
        drive="autonomous" if kind == "autonomous" else "guided",
    )
    nodes = DesignNodes(build_designer(kind, num_trials, seed), workspace, settings, "digits", meter)
    connection = sqlite3.connect(store.checkpoints_path, check_same_thread=False)
    graph = build_design_graph(nodes, PrunedSqliteSaver(connection))
    config: Any = {"configurable": {"thread_id": "design"}, "recursion_limit": count_steps(settings)}
    state_bytes = []
    for update in graph.stream(start_state(), config, durability="sync", stream_mode="values"):
        if update["num_trained"] > len(state_bytes):
            state_bytes.append(len(json.dumps(update)))
    connection.close()
    size = store.checkpoints_path.stat().st_size
    return {
        "iterations": num_trials,
        "states": dict(workspace.index.counts),
        "front": len(workspace.index.front),
        "near_10": summarize(meter.rows, state_bytes, 10),
        f"near_{num_trials}": summarize(meter.rows, state_bytes, num_trials - WINDOW // 2),
        "checkpoint_bytes": size,
        "checkpoint_bytes_per_iteration": round(size / num_trials),
        "trace_bytes_per_iteration": round(statistics.mean(row["trace_bytes"] for row in meter.rows)),
    }


def summarize(rows: list[dict[str, float]], state_bytes: list[int], center: int) -> dict[str, float]:
    """Medians over the window around an iteration (counted from 1)."""
    window = slice(center - 1 - WINDOW // 2, center + WINDOW // 2)
    found = {name: round(statistics.median(row[name] for row in rows[window]), 1) for name in rows[0]}
    return found | {"state_bytes": round(statistics.median(state_bytes[window]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = {kind: search(Path(folder), kind, arguments.trials, arguments.seed) for kind in KINDS}
    write("long_run.json", {"seed": arguments.seed} | found)


if __name__ == "__main__":
    main()
