"""The tool that states the recorded facts about a candidate."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation.verdicts import explain_briefly
from nas.records.run_queries import RunView
from tools.answers import Answer, CandidateArguments, answer_tool


def build_explain(view: RunView) -> StructuredTool:
    """The tool `explain`."""

    def explain(candidate_id: str) -> Answer:
        """Explain why a candidate is what it is: origin, verdict, costs, limits, memory peak, place on the front."""
        view.find(candidate_id)  # the view also words the answer for an unknown one
        return explain_briefly(view.snapshot(), candidate_id), {"candidate": candidate_id}

    return answer_tool(explain, CandidateArguments)
