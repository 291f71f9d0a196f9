"""The tool with which a strong model explains: it makes its own claims, each checked against the records."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from nas.explanation.checking import CLAIM_FIELDS, check_claims
from nas.records.run_records import RunRecords
from tools.answers import Answer, answer_tool

MOST = 12


class StatedClaim(BaseModel):
    """One claim as data."""

    subject: str = Field(description='a candidate ("c007") or one of its stages ("c007 stage 2")')
    field: str = Field(description=f"one of {', '.join(CLAIM_FIELDS)}")
    value: str | int | float | bool = Field(description="its value; accuracies and shares as fractions")
    reason: str = Field("", description="why that speaks for the design, in one sentence")


class StatedClaims(BaseModel):
    """An explanation as claims."""

    claims: list[StatedClaim] = Field(min_length=1, max_length=MOST)


def build_state_claims(records: RunRecords, candidate_id: str) -> StructuredTool:
    """The tool `state_claims` about one candidate."""

    def state_claims(claims: list[StatedClaim]) -> Answer:
        """Explain why a candidate was chosen by claims with reasons. Every value and every figure is checked."""
        given: list[dict[str, Any]] = [claim.model_dump() for claim in claims]
        checked = check_claims(records, candidate_id, given)
        wrong = [f"{claim.subject} {claim.field}: {claim.note}" for claim in checked if claim.note]
        text = f"{len(checked)} claims checked" + (f"; {'; '.join(wrong)}" if wrong else "; all hold")
        return text, {"claims": [claim.to_dict() for claim in checked]}

    return answer_tool(state_claims, StatedClaims)
