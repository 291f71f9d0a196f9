"""The tool that prices computation."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.quantities import format_place
from nas.records.run_queries import RunView
from tools.answers import Answer, CandidateArguments, answer_tool


def build_estimate_macs(view: RunView) -> StructuredTool:
    """The tool `estimate_macs`."""

    def estimate_macs(candidate_id: str) -> Answer:
        """Count the multiply-accumulates of a candidate and check them against the allowed range."""
        assessment = view.assess(candidate_id)
        price, budget = assessment.report.price, view.budget
        violations = [violation for violation in assessment.violations if violation.constraint == "macs"]
        text = (
            f"{candidate_id}: {price.macs / 1e6:.2f} M MACs (allowed {budget.macs_min / 1e6:g} to "
            f"{budget.macs_max / 1e6:g} M; convolutions and linear layers only), {price.params:,} parameters."
        )
        shares = assessment.report.stages()
        of_macs = ", ".join(f"{format_place(share.stage)} {share.macs_share:.0%}" for share in shares)
        of_params = ", ".join(f"{format_place(share.stage)} {share.params_share:.0%}" for share in shares)
        text += f" MACs by stage: {of_macs}. Parameters by stage: {of_params}."
        text = " ".join([text, *(violation.sentence() for violation in violations)])
        artifact = {
            "macs": price.macs,
            "params": price.params,
            "violations": [violation.to_dict() for violation in violations],
        }
        return text, artifact

    return answer_tool(estimate_macs, CandidateArguments)
