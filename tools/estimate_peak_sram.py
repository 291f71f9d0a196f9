"""The tool that prices memory."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.quantities import KIB, describe_tensors, format_place
from nas.records.run_queries import RunView
from tools.answers import Answer, CandidateArguments, answer_tool


def build_estimate_peak_sram(view: RunView) -> StructuredTool:
    """The tool `estimate_peak_sram`."""

    def estimate_peak_sram(candidate_id: str) -> Answer:
        """Estimate the int8 peak SRAM (whole TFLM arena) and flash of a candidate and check them against the limits."""
        assessment = view.assess(candidate_id)
        price, budget = assessment.report.price, view.budget
        violations = [violation for violation in assessment.violations if violation.constraint != "macs"]
        text = (
            f"{candidate_id}: peak SRAM {price.arena_bytes / KIB:.1f} KiB of {budget.peak_sram_bytes / KIB:g} KiB "
            f"(int8, TFLM arena: activations {price.head_bytes / KIB:.1f} KiB + runtime structures "
            f"{price.tail_bytes / KIB:.1f} KiB); flash {price.flash_bytes / KIB:.1f} KiB of "
            f"{budget.flash_bytes / KIB:g} KiB."
        )
        peak = assessment.report.peak
        tensors = describe_tensors((buffer.name, buffer.num_bytes) for buffer in peak.live_tensors[:3])
        text += (
            f" The peak of the activations is in {format_place(peak.stage)}, operator {peak.operator} ({peak.op}, "
            f"{peak.name}): {peak.live_bytes:,} bytes are alive there ({tensors})."
        )
        text = " ".join([text, *(violation.sentence() for violation in violations)])
        artifact = {
            "peak_sram_bytes": price.arena_bytes,
            "flash_bytes": price.flash_bytes,
            "violations": [violation.to_dict() for violation in violations],
        }
        return text, artifact

    return answer_tool(estimate_peak_sram, CandidateArguments)
