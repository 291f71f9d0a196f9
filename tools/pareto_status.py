"""The tool that reports the state of the search."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import StructuredTool

from nas.quantities import format_accuracy
from nas.records.run_queries import RunView
from nas.search.pareto import summarize_member
from tools.answers import Answer, NoArguments, answer_tool

SHOWN_MEMBERS = 8  # only the most accurate ones: neither prompt nor trace may grow with the front


def build_pareto_status(view: RunView) -> StructuredTool:
    """The tool `pareto_status`."""

    def pareto_status() -> Answer:
        """Tell the Pareto front over accuracy, MACs and parameters, and how the proposals so far ended."""
        front, best = view.front, view.most_accurate
        artifact: dict[str, Any] = {
            "front": [summarize_member(member).to_dict() for member in front[:SHOWN_MEMBERS]],
            "size": len(front),
            "hypervolume": view.hypervolume,
            "most_accurate": best.id if best else None,
            "counts": dict(view.counts),
        }
        ended = ", ".join(f"{count} {state}" for state, count in artifact["counts"].items())
        proposals = f" Proposals: {ended}." if ended else ""
        if best is None:
            return f"The front is empty: no candidate has been trained yet.{proposals}", artifact
        members = "; ".join(
            f"{member.id} {format_accuracy(member.validation_accuracy or 0)}, {member.priced.macs / 1e6:.2f} M MACs"
            for member in front[:SHOWN_MEMBERS]
        )
        more = len(front) - SHOWN_MEMBERS
        rest = f"; and {more} less accurate ones" if more > 0 else ""
        text = f"{len(front)} on the front: {members}{rest}. Most accurate: {best.id}.{proposals}"
        return text, artifact

    return answer_tool(pareto_status, NoArguments)
