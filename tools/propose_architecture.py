"""The tool that takes a whole design."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import StructuredTool
from pydantic import Field, WithJsonSchema, create_model

from nas.search.masks import DesignMask
from nas.search.trial import Trial
from nas.space.json_schema import whole_design_schema
from nas.workspace.proposal import Proposal
from tools.answers import Answer, answer_tool


def build_propose_architecture(proposal: Proposal, mask: DesignMask | None = None) -> StructuredTool:
    """The tool `propose_architecture`, which fills the proposal; its argument schema is the run's search space."""
    # The space checks the values, since its violations name stage and rule; the schema is for grammar and prompt.
    stages_type = Annotated[list[Any], WithJsonSchema(whole_design_schema(proposal.space))]
    arguments = create_model("ProposeArchitecture", stages=(stages_type, Field(description="from input to output")))

    def propose_architecture(stages: list[Any]) -> Answer:
        """Propose a whole architecture. Returns its candidate id, or the reason why it is not a candidate."""
        return describe_proposal(proposal.design({"stages": stages}))

    return answer_tool(propose_architecture, arguments, mask=mask)


def describe_proposal(trial: Trial) -> Answer:
    """What both designing tools answer: the candidate id, or why the proposal is none."""
    if trial.state in ("invalid", "duplicate"):
        return f"not a candidate ({trial.state}): {trial.reason}", {"candidate": None, "trial": trial.to_dict()}
    return f"candidate {trial.id}", {"candidate": trial.id, "trial": trial.to_dict()}
