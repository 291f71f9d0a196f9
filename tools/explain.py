"""The tool that tells the recorded facts of a candidate."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation.verdicts import explain_briefly
from nas.records import RunRecords
from nas.workspace import Workspace
from tools.answers import Answer, CandidateArguments, answer_tool


def build_explain(workspace: Workspace, records: RunRecords | None = None) -> StructuredTool:
    """The tool `explain`, from the records of a finished run where they are given, else from the run so far."""

    def explain(candidate_id: str) -> Answer:
        """Explain why a candidate is what it is: origin, verdict, costs, limits, memory peak, place on the front."""
        if records is None:
            workspace.judge(candidate_id)
        return explain_briefly(records or workspace.records(), candidate_id), {"candidate": candidate_id}

    return answer_tool(explain, CandidateArguments)
