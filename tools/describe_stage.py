"""The tool that describes one stage of a candidate."""

from __future__ import annotations

from langchain_core.tools import StructuredTool
from pydantic import Field

from nas.explanation import measurements
from nas.records.run_records import RunRecords
from tools.answers import Answer, CandidateArguments, answer_tool


class StageArguments(CandidateArguments):
    """A stage of a candidate."""

    stage: int = Field(description="number of the stage, from 1")


def build_describe_stage(records: RunRecords) -> StructuredTool:
    """The tool `describe_stage`."""

    def describe_stage(candidate_id: str, stage: int) -> Answer:
        """Describe one stage: block, kernel, stride, channels, SE, skip, activation, and its share of all costs."""
        return measurements.describe_one_stage(records, candidate_id, stage), {
            "candidate": candidate_id,
            "stage": stage,
        }

    return answer_tool(describe_stage, StageArguments)
