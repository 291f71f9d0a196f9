"""The tool that ranks the trained candidates."""

from __future__ import annotations

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from nas.explanation import comparisons
from nas.explanation.comparisons import Objective
from nas.records.run_records import RunRecords
from tools.answers import Answer, answer_tool


class RankArguments(BaseModel):
    """By what, and from which end."""

    by: Objective
    lowest: bool = Field(description="true: the lowest first")


def build_rank_candidates(records: RunRecords) -> StructuredTool:
    """The tool `rank_candidates`."""

    def rank_candidates(by: Objective, lowest: bool) -> Answer:
        """Put the trained candidates in the order of accuracy, MACs, parameters, peak SRAM or flash."""
        return comparisons.rank(records, by, lowest=lowest), {"by": by, "lowest": lowest}

    return answer_tool(rank_candidates, RankArguments)
