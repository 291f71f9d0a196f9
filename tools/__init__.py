"""The designer's tools: each parses its arguments, calls the domain and words the answer for the language model.

A tool answers with text for the language model and an artifact (a JSON-safe dict) for the graph.
"""

from tools.answers import MASK_KEY, Answer, answer_tool
from tools.edit_architecture import build_edit_architecture
from tools.estimate_macs import build_estimate_macs
from tools.estimate_peak_sram import build_estimate_peak_sram
from tools.explain import build_explain
from tools.inquiry_toolbox import build_inquiry_toolbox
from tools.mini_train import build_mini_train
from tools.pareto_status import build_pareto_status
from tools.propose_architecture import build_propose_architecture
from tools.select_claims import build_select_claims
from tools.state_claims import build_state_claims
from tools.toolbox import DESIGNING_TOOLS, build_toolbox

__all__ = [
    "DESIGNING_TOOLS",
    "MASK_KEY",
    "Answer",
    "answer_tool",
    "build_edit_architecture",
    "build_estimate_macs",
    "build_estimate_peak_sram",
    "build_explain",
    "build_inquiry_toolbox",
    "build_mini_train",
    "build_pareto_status",
    "build_propose_architecture",
    "build_select_claims",
    "build_state_claims",
    "build_toolbox",
]
