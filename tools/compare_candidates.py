"""The tool that compares two candidates."""

from __future__ import annotations

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from nas.explanation import comparisons
from nas.records.run_records import RunRecords
from tools.answers import Answer, answer_tool


class PairArguments(BaseModel):
    """Two proposals."""

    first: str = Field(description="id of a proposal, for example c001")
    second: str = Field(description="id of another one")


def build_compare_candidates(records: RunRecords) -> StructuredTool:
    """The tool `compare_candidates`."""

    def compare_candidates(first: str, second: str) -> Answer:
        """Compare two proposals: accuracy and how sure the difference is, costs, dominance, differing fields."""
        return comparisons.compare(records, first, second), {"candidates": [first, second]}

    return answer_tool(compare_candidates, PairArguments)
