"""The tool that tells what the run was about."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import overview
from nas.records import RunRecords
from tools.answers import Answer, answer_tool
from tools.pareto_status import NoArguments


def build_tell_run(records: RunRecords) -> StructuredTool:
    """The tool `tell_run`."""

    def tell_run() -> Answer:
        """Tell the run's task, data, board, budget, designer, seed, extent and duration."""
        return overview.tell_run(records), {}

    return answer_tool(tell_run, NoArguments)
