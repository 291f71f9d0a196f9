"""Compares chat models on one task, as the paper's Table III does.

    python -m benchmarks.chat_models --llm smollm2 --llm mutate --llm random [--preset quick] [--seeds 3]
                                     [--data SPEC] [--llm-url URL] [--set KEY=VALUE ...]

Every search is the application's own, from the same configuration and seeds, up to the end of the design loop (nothing
is delivered). For each chat model, over all seeds: proposals, legal ones among them (yield), trained candidates and the
size of the front; over the front [min, max] mean of mini-phase validation accuracy (%), MACs (M) and parameters (M);
hypervolume with its 95% t interval over seeds; answers, tokens and time. Prints a table and writes
benchmarks/results/chat_models.json.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

from agent.config import RunConfig, resolve_config
from agent.running.resources import open_designer, prepare
from agent.running.run_summary import sum_usage
from agent.running.runner import OpenRun, build_local_workspace, create_run, drive_design, open_checkpointer
from benchmarks.results import write
from benchmarks.searches import count_states, interval, spread_front
from nas.errors import NoLegalCandidateError
from nas.events import Event, ignore_events
from nas.records.run_events import Usage
from nas.search.trial import Trial


def run_one(config: RunConfig, folder: Path) -> tuple[list[Trial], float, Usage, float]:
    """The trials of one search, its hypervolume, the chat model's usage and wall seconds."""
    resources = prepare(config, ignore_events)
    with create_run(config, folder, f"run-{len(list(folder.iterdir()))}") as store:
        started = time.perf_counter()

        def record(event: Event) -> None:
            store.append_event(event, "")

        workspace = build_local_workspace(config, store, resources.data, record)
        designer = open_designer(config, resources.chat_model)
        # a search without a legal candidate is a valid result: an empty front
        with open_checkpointer(store) as checkpointer, contextlib.suppress(NoLegalCandidateError):
            drive_design(OpenRun(config, store, workspace, designer, record), checkpointer)
        seconds = time.perf_counter() - started
        usage = sum_usage(store.load_trace())
    return list(workspace.trials), workspace.hypervolume, usage, seconds


def compare(spec: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The row of one chat model."""
    trials: list[Trial] = []
    volumes: list[float] = []
    fronts: list[dict[str, str | int]] = []
    total = {"answers": 0.0, "input_tokens": 0.0, "output_tokens": 0.0, "designer_s": 0.0, "search_s": 0.0}
    for seed in range(arguments.seeds):
        flags = {"llm.spec": spec, "llm.url": arguments.llm_url, "data.spec": arguments.data, "seed": seed}
        config = resolve_config(arguments.preset, settings=arguments.settings, flags=flags)
        found, volume, usage, seconds = run_one(config, folder)
        trials += found
        volumes.append(volume)
        fronts.append(spread_front(found))
        for name in ("answers", "input_tokens", "output_tokens"):
            total[name] += getattr(usage, name)
        total["designer_s"] += usage.seconds
        total["search_s"] += seconds
    legal = sum(trial.state in ("trained", "stopped", "failed", "untrained") for trial in trials)
    return {
        "proposals": len(trials),
        "legal": legal,
        "yield": round(legal / len(trials), 3),
        "states": count_states(trials),
        "hypervolume": interval(volumes),
        "seeds": fronts,
        **{name: round(value, 1) for name, value in total.items()},
    }


def print_rows(rows: dict[str, dict[str, Any]]) -> None:
    head = ("chat model", "legal/proposals", "yield", "hypervolume", "answers", "designer s", "search s")
    print("".join(f"{name:>20}" for name in head))
    for spec, row in rows.items():
        volume = f"{row['hypervolume']['mean']:.3f} +- {row['hypervolume']['ci95']:.3f}"
        shares = (f"{row['legal']}/{row['proposals']}", f"{row['yield']:.3f}", volume)
        effort = (f"{row['answers']:.0f}", f"{row['designer_s']:.0f}", f"{row['search_s']:.0f}")
        print("".join(f"{cell:>20}" for cell in (spec, *shares, *effort)))
        for seed, front in enumerate(row["seeds"]):
            print(f"{'':20}seed {seed}: " + "; ".join(f"{name} {value}" for name, value in front.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", action="append", required=True, help="a chat model; may be repeated")
    parser.add_argument("--llm-url")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        rows = {spec: compare(spec, arguments, Path(place)) for spec in arguments.llm}
    print_rows(rows)
    asked = {"preset": arguments.preset, "settings": arguments.settings}
    write("chat_models.json", asked | {"chat_models": rows})


if __name__ == "__main__":
    main()
