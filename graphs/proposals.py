"""From a designing tool call to a judged trial: read, priced, and told to whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import BaseTool

from graphs.tracing import call_tool
from nas.events import Event, EventSink
from nas.trial import Trial
from nas.workspace import Workspace
from tools import build_estimate_macs, build_estimate_peak_sram

KIB = 1024
MAX_REJECTION = 700  # characters of one rejection: the limit, its cause and the cheapest edits fit


def take_proposal(workspace: Workspace, tool: BaseTool, arguments: Mapping[str, Any], events: EventSink) -> Trial:
    """The trial that a designing tool makes of arguments: "proposed", or already refused with a reason."""
    message = call_tool(tool, arguments, events)
    if message.artifact is None or "trial" not in message.artifact:
        return workspace.refuse(tool.name, message.text)
    return Trial.from_dict(message.artifact["trial"])


def judge_proposal(workspace: Workspace, trial: Trial, events: EventSink) -> Trial:
    """The trial after its prices were compared with the limits; nobody has to ask a chat model for that."""
    if trial.state == "proposed":
        arguments = {"candidate_id": trial.id}
        call_tool(build_estimate_macs(workspace), arguments, events)
        call_tool(build_estimate_peak_sram(workspace), arguments, events)
        trial = workspace.judge(trial.id)
    costs = trial.costs or {}
    figures = {name: costs.get(name) for name in ("macs", "params", "arena_bytes", "flash_bytes")}
    violations = [
        {name: violation[name] for name in ("constraint", "value", "limit", "unit")} for violation in trial.violations
    ]
    judged = {"candidate": trial.id, "state": trial.state, "reason": trial.reason, "violations": violations}
    events(Event("judged", judged | figures))
    return trial


def phrase_rejection(trial: Trial) -> str:
    """What later prompts tell of a refused proposal."""
    return f"{trial.id} ({trial.state}): {trial.reason}"[:MAX_REJECTION]


def phrase_verdict(trial: Trial) -> str:
    """What the designer is told of its proposal."""
    if trial.state != "proposed":
        return f"{trial.id} is no candidate ({trial.state}): {trial.reason}"
    costs = trial.costs or {}
    return (
        f"{trial.id} is legal: {costs['macs'] / 1e6:.2f} M MACs, {costs['params']:,} parameters, "
        f"{costs['arena_bytes'] / KIB:.1f} KiB of SRAM, {costs['flash_bytes'] / KIB:.1f} KiB of flash"
    )
