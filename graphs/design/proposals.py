"""From a designing tool call to a judged trial: read, priced once, and reported by one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import BaseTool

from graphs.tracing import call_tool
from nas.cost import BrokenLimit
from nas.events import EventSink
from nas.quantities import KIB
from nas.search.search_events import ProposalJudged
from nas.search.trial import Trial
from nas.workspace.proposal import Proposal
from nas.workspace.workspace import Workspace

MAX_REJECTION = 700  # characters of one rejection: enough for the limit, its cause and the cheapest edits


def fill_proposal(proposal: Proposal, tool: BaseTool, arguments: Mapping[str, Any], events: EventSink) -> Trial:
    """The trial that a designing tool makes from arguments: "proposed", or already refused with a reason."""
    message = call_tool(tool, arguments, events)
    if message.artifact is None or "trial" not in message.artifact:
        return proposal.refuse(tool.name, message.text)
    return Trial.from_dict(message.artifact["trial"])


def judge_proposal(workspace: Workspace, trial: Trial, events: EventSink) -> Trial:
    """The trial after comparing its costs with the limits; no chat model is needed for that."""
    if trial.state == "proposed":
        trial = workspace.judge(trial.id)
    costs = trial.costs
    judged = ProposalJudged(
        candidate=trial.id,
        state=trial.state,
        reason=trial.reason,
        violations=tuple(
            BrokenLimit(broken.constraint, broken.value, broken.limit, broken.unit) for broken in trial.violations
        ),
        macs=costs.macs if costs else None,
        params=costs.params if costs else None,
        arena_bytes=costs.arena_bytes if costs else None,
        flash_bytes=costs.flash_bytes if costs else None,
    )
    events(judged)
    return trial


def describe_rejection(trial: Trial) -> str:
    """What later prompts say of a refused proposal."""
    return f"{trial.id} ({trial.state}): {trial.reason}"[:MAX_REJECTION]


def describe_verdict(trial: Trial) -> str:
    """What the designer is told of its proposal."""
    if trial.state != "proposed":
        return f"{trial.id} is no candidate ({trial.state}): {trial.reason}"
    costs = trial.priced
    return (
        f"{trial.id} is legal: {costs.macs / 1e6:.2f} M MACs, {costs.params:,} parameters, "
        f"{costs.arena_bytes / KIB:.1f} KiB of SRAM, {costs.flash_bytes / KIB:.1f} KiB of flash"
    )
