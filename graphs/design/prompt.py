"""What the designer is told before each candidate: the task, the limits, the space and the state of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from graphs.design.settings import DesignSettings
from nas.quantities import format_accuracy
from nas.search.pareto import summarize_member
from nas.search.trial import Trial
from nas.space.search_space import format_choice
from nas.workspace.workspace import Workspace
from prompts import render


def write_prompt(
    workspace: Workspace,
    settings: DesignSettings,
    data_name: str,
    *,
    rejections: Sequence[str],
    suggestions: Sequence[str],
    parent: Trial | None = None,
    autonomous: bool = False,
) -> list[BaseMessage]:
    """Role and task; what changes from candidate to candidate comes last, so that a local model rereads only that.

    Its length is bounded by the settings and the number of stages, however long the run.
    """
    index, trends = workspace.index, workspace.trends
    text = render(
        "design",
        data_name=data_name,
        num_classes=workspace.task.num_classes,
        target_accuracy=settings.target_accuracy,
        task=workspace.task,
        board=workspace.board.name,
        budget=workspace.budget,
        num_stages=workspace.space.num_stages,
        space=workspace.space.describe(),
        autonomous=autonomous,
        limits=settings,
        num_trained=index.num_trained,
        num_rejected=index.counts["rejected"] + index.counts["invalid"],
        num_duplicates=index.counts["duplicate"],
        front=[summarize_member(member) for member in index.front[: settings.num_front_shown]],
        num_front=len(index.front),
        trends=trends,
        latest=[{"id": trial.id, "outcome": _describe_outcome(trial, workspace)} for trial in index.recent_trained],
        suggestions=suggestions,
        rejections=rejections,
        parent=_describe_parent(parent),
    )
    return [SystemMessage(render("role")), HumanMessage(text)]


def _describe_parent(parent: Trial | None) -> dict[str, Any] | None:
    if parent is None or parent.architecture is None:
        return None
    stages = [
        ", ".join(f"{field} {format_choice(value)}" for field, value in stage.to_dict().items())
        for stage in parent.architecture.stages
    ]
    return {"id": parent.id, "stages": stages}


def _describe_outcome(trial: Trial, workspace: Workspace) -> str:
    if trial.validation_accuracy is None:
        return f"training {trial.state}, {trial.reason}"
    place = "on the front" if any(member.id == trial.id for member in workspace.index.front) else "not on the front"
    return f"{format_accuracy(trial.validation_accuracy)} with {trial.priced.macs / 1e6:.2f}M MACs, {place}"
