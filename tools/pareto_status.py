"""The tool that tells the state of the search."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel

from nas.trial import Trial
from nas.workspace import Workspace
from tools.answers import Answer, answer_tool

SHOWN_MEMBERS = 8  # the most accurate ones: neither prompt nor trace may grow with the front


class NoArguments(BaseModel):
    """This tool takes no arguments."""


def build_pareto_status(workspace: Workspace) -> StructuredTool:
    """The tool `pareto_status`."""

    def pareto_status() -> Answer:
        """Tell the Pareto front over accuracy, MACs and parameters, and how the proposals so far ended."""
        front = workspace.front()
        best = workspace.index.most_accurate
        artifact: dict[str, Any] = {
            "front": [summarize_member(member) for member in front.members[:SHOWN_MEMBERS]],
            "size": len(front.members),
            "hypervolume": front.hypervolume,
            "most_accurate": best.id if best else None,
            "counts": {state: count for state, count in workspace.index.counts.items() if count},
        }
        ended = ", ".join(f"{count} {state}" for state, count in artifact["counts"].items())
        proposals = f" Proposals: {ended}." if ended else ""
        if best is None:
            return f"The front is empty: no candidate has been trained yet.{proposals}", artifact
        members = "; ".join(
            f"{member.id} {member.validation_accuracy or 0:.2%}, {(member.costs or {})['macs'] / 1e6:.2f} M MACs"
            for member in front.members[:SHOWN_MEMBERS]
        )
        more = len(front.members) - SHOWN_MEMBERS
        rest = f"; and {more} less accurate ones" if more > 0 else ""
        text = f"{len(front.members)} on the front: {members}{rest}. Most accurate: {best.id}.{proposals}"
        return text, artifact

    return answer_tool(pareto_status, NoArguments)


def summarize_member(trial: Trial) -> dict[str, Any]:
    """Id, accuracy (fraction), MACs, parameters and peak SRAM (bytes) of a trained trial."""
    costs = trial.costs or {}
    return {
        "id": trial.id,
        "validation_accuracy": trial.validation_accuracy,
        "macs": costs["macs"],
        "params": costs["params"],
        "peak_sram_bytes": costs["arena_bytes"],
    }
