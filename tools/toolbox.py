"""All tools at once, for a designer that chooses by itself."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.workspace.proposal import Proposal
from nas.workspace.workspace import Workspace
from tools.edit_architecture import build_edit_architecture
from tools.estimate_macs import build_estimate_macs
from tools.estimate_peak_sram import build_estimate_peak_sram
from tools.explain import build_explain
from tools.mini_train import build_mini_train
from tools.pareto_status import build_pareto_status
from tools.propose_architecture import build_propose_architecture

DESIGNING_TOOLS = ("propose_architecture", "edit_architecture")


def build_toolbox(workspace: Workspace, proposal: Proposal) -> dict[str, StructuredTool]:
    """Every tool of the designer by its name, in the order it is offered them; the first two fill `proposal`."""
    tools = (
        build_propose_architecture(proposal),
        build_edit_architecture(proposal),
        build_estimate_macs(workspace),
        build_estimate_peak_sram(workspace),
        build_mini_train(workspace),
        build_pareto_status(workspace),
        build_explain(workspace),
    )
    return {tool.name: tool for tool in tools}
