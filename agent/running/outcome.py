"""What a finished run left behind, in plain figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.search.pareto import summarize_member
from nas.workspace.workspace import Workspace


@dataclass(frozen=True)
class RunOutcome:
    """What a finished run left behind, in plain figures."""

    run_id: str
    folder: Path
    counts: dict[str, int]
    llm: dict[str, float]
    front: list[dict[str, Any]]
    hypervolume: float
    winners: list[str]
    outcomes: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `run --json`."""
        return {
            "run": self.run_id,
            "folder": str(self.folder),
            "counts": self.counts,
            "llm": self.llm,
            "front": self.front,
            "hypervolume": self.hypervolume,
            "winners": self.winners,
            "deliveries": self.outcomes,
        }


def sum_up(
    run_id: str, folder: Path, workspace: Workspace, delivered: Mapping[str, Any], trace: Iterable[Mapping[str, Any]]
) -> RunOutcome:
    """The outcome of a run from its workspace, the final state of its delivery and its trace."""
    return RunOutcome(
        run_id=run_id,
        folder=folder,
        counts=dict(Counter(trial.state for trial in workspace.trials)),
        llm=sum_usage(trace),
        front=[summarize_member(member).to_dict() for member in workspace.front],
        hypervolume=workspace.hypervolume,
        winners=delivered["approved"],
        outcomes=delivered["outcomes"],
    )


def sum_usage(trace: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """What the chat model took in a run: answers, tokens read and written (where it says), and wall seconds."""
    total = {"answers": 0.0, "input_tokens": 0.0, "output_tokens": 0.0, "seconds": 0.0}
    for record in trace:
        if record["kind"] == "llm_answered":
            usage = record["data"]["usage"] or {}
            total["answers"] += 1
            total["input_tokens"] += usage.get("input_tokens", 0)
            total["output_tokens"] += usage.get("output_tokens", 0)
            total["seconds"] += record["data"]["seconds"]
    return {name: round(value, 1) if name == "seconds" else int(value) for name, value in total.items()}
