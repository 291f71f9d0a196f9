"""The tool that says how close a candidate is to each limit."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import measurements
from nas.records.run_records import RunRecords
from tools.answers import Answer, CandidateArguments, answer_tool


def build_tell_limits(records: RunRecords) -> StructuredTool:
    """The tool `tell_limits`."""

    def tell_limits(candidate_id: str) -> Answer:
        """Tell every limit (MACs, peak SRAM, flash), how much of it a candidate uses, and which one binds."""
        return measurements.describe_limits(records, candidate_id), {"candidate": candidate_id}

    return answer_tool(tell_limits, CandidateArguments)
