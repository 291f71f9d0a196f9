"""The tool that says how accurate a candidate is, and with what confidence."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import measurements
from nas.records.run_records import RunRecords
from tools.answers import Answer, CandidateArguments, answer_tool


def build_tell_accuracy(records: RunRecords) -> StructuredTool:
    """The tool `tell_accuracy`."""

    def tell_accuracy(candidate_id: str) -> Answer:
        """Tell a candidate's accuracies with the number of images and epochs behind them and a 95% interval."""
        return measurements.describe_accuracy(records, candidate_id), {"candidate": candidate_id}

    return answer_tool(tell_accuracy, CandidateArguments)
