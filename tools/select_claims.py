"""The tool with which a small model explains: it chooses and orders statements derived by the system."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from tools.answers import Answer, answer_tool

FEWEST, MOST = 3, 6


class ChosenClaim(BaseModel):
    """One statement by its id."""

    claim: str


def build_select_claims(num_claims: int) -> StructuredTool:
    """The tool `select_claims` over the statements k1 to k<num_claims>."""

    def select_claims(claims: list[ChosenClaim]) -> Answer:
        """Choose the statements that explain the design best, the most important first."""
        ids = [chosen.claim for chosen in claims]
        return f"chosen: {', '.join(ids)}", {"claims": ids}

    variants = [_variant(f"k{number}") for number in range(1, num_claims + 1)]
    schema = {
        "type": "array",
        "items": {"anyOf": variants},
        "minItems": min(FEWEST, num_claims),
        "maxItems": min(MOST, num_claims),
    }
    claims_type: Any = Annotated[list[ChosenClaim], WithJsonSchema(schema)]
    field = Field(min_length=1, max_length=MOST, description="ids of the statements, each at most once")
    return answer_tool(select_claims, create_model("SelectClaims", claims=(claims_type, field)))


def _variant(name: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"claim": {"const": name}},
        "required": ["claim"],
        "additionalProperties": False,
    }
