"""The tool that says what the run was about."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import overview
from nas.records.run_records import RunRecords
from tools.answers import Answer, NoArguments, answer_tool


def build_tell_run(records: RunRecords) -> StructuredTool:
    """The tool `tell_run`."""

    def tell_run() -> Answer:
        """Tell the run's task, data, board, budget, designer, seed, extent and duration."""
        return overview.describe_run(records), {}

    return answer_tool(tell_run, NoArguments)
