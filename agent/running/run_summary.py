"""What a finished run left behind, in plain figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nas.records.run_events import LlmAnswered, RunFinished, Usage
from nas.records.trace_line import TraceLine
from nas.search.pareto import summarize_member
from nas.workspace.workspace import Workspace


def sum_up(
    run_id: str, folder: Path, workspace: Workspace, delivered: Mapping[str, Any], trace: Iterable[TraceLine]
) -> RunFinished:
    """The outcome of a run from its workspace, the final state of its delivery and its trace."""
    return RunFinished(
        run=run_id,
        folder=str(folder),
        counts=dict(Counter(trial.state for trial in workspace.trials)),
        llm=sum_usage(trace),
        front=tuple(summarize_member(member) for member in workspace.front),
        hypervolume=workspace.hypervolume,
        winners=tuple(delivered["approved"]),
        deliveries=delivered["outcomes"],
    )


def sum_usage(trace: Iterable[TraceLine]) -> Usage:
    """What the chat model took in a run."""
    answers = [line.event for line in trace if isinstance(line.event, LlmAnswered)]
    read, written = (
        sum((answer.usage or {}).get(name, 0) for answer in answers) for name in ("input_tokens", "output_tokens")
    )
    return Usage(len(answers), int(read), int(written), round(sum((one.seconds for one in answers), 0.0), 1))
