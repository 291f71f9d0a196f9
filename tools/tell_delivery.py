"""The tool that says what was delivered."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import measurements
from nas.records.run_records import RunRecords
from tools.answers import Answer, CandidateArguments, answer_tool


def build_tell_delivery(records: RunRecords) -> StructuredTool:
    """The tool `tell_delivery`."""

    def tell_delivery(candidate_id: str) -> Answer:
        """Tell a delivered network's test accuracy as float and int8, its file, its flash and its arena."""
        return measurements.describe_delivery(records, candidate_id), {"candidate": candidate_id}

    return answer_tool(tell_delivery, CandidateArguments)
