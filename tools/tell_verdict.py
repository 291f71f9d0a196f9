"""The tool that says how a proposal ended and why."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.explanation import verdicts
from nas.records.run_records import RunRecords
from tools.answers import Answer, CandidateArguments, answer_tool


def build_tell_verdict(records: RunRecords) -> StructuredTool:
    """The tool `tell_verdict`."""

    def tell_verdict(candidate_id: str) -> Answer:
        """Tell why a proposal was trained, rejected, invalid, a duplicate or failed, and the feedback that led to it.

        Knows every proposal, also those that never became a network. Says who dominates a candidate off the front.
        """
        return verdicts.describe_verdict(records, candidate_id), {"candidate": candidate_id}

    return answer_tool(tell_verdict, CandidateArguments)
