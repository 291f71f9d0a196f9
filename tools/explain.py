"""The tool that tells the recorded facts of a candidate."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.workspace import Workspace
from tools.answers import Answer, CandidateArguments, answer_tool


def build_explain(workspace: Workspace) -> StructuredTool:
    """The tool `explain`."""

    def explain(candidate_id: str) -> Answer:
        """Explain a candidate from the run's records: origin, verdict, costs against the limits, stage by stage."""
        return workspace.explain(candidate_id), {"candidate": candidate_id}

    return answer_tool(explain, CandidateArguments)
