"""The tool that counts the proposals by outcome."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import overview
from nas.records.run_records import RunRecords
from tools.answers import Answer, NoArguments, answer_tool


def build_count_outcomes(records: RunRecords) -> StructuredTool:
    """The tool `count_outcomes`."""

    def count_outcomes() -> Answer:
        """Count how many proposals were trained, rejected (by which limit), invalid, duplicates or failed, by id."""
        return overview.count_outcomes(records), {"counts": dict(records.counts)}

    return answer_tool(count_outcomes, NoArguments)
