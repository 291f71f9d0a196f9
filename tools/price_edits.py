"""The tool that prices a what-if."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from nas.explanation.effects import find_effect
from nas.explanation.verdicts import describe_effect
from nas.records.run_records import RunRecords
from nas.space.json_schema import any_edits_schema
from nas.space.search_space import Edit
from tools.answers import Answer, answer_tool
from tools.edit_architecture import EditArguments


def build_price_edits(records: RunRecords) -> StructuredTool:
    """The tool `price_edits`."""

    def price_edits(candidate_id: str, edits: list[EditArguments]) -> Answer:
        """Price a candidate with some fields changed: what if, and why not. Nothing is trained or recorded.

        Tells the costs before and after, which limits would break and what would mend them, and whether the run tried
        that network.
        """
        changes = read_edits(edits)
        effect = find_effect(records, candidate_id, changes, advise=True)
        return describe_effect(effect, records), {
            "candidate": candidate_id,
            "edits": [edit.to_dict() for edit in changes],
            "macs": effect.price_after.macs,
            "params": effect.price_after.params,
            "peak_sram_bytes": effect.price_after.arena_bytes,
            "flash_bytes": effect.price_after.flash_bytes,
            "violations": [violation.constraint for violation in effect.violations],
            "known_as": effect.known.id if effect.known else None,
        }

    return answer_tool(price_edits, edit_arguments(records, "PriceEdits"))


def edit_arguments(records: RunRecords, name: str) -> type[BaseModel]:
    """The arguments of a tool about a candidate with edits; the schema holds the search space's values."""
    edits: Any = Annotated[list[EditArguments], WithJsonSchema(any_edits_schema(records.space))]
    return create_model(
        name,
        candidate_id=(str, Field(description="the candidate to start from, for example c001")),
        edits=(edits, Field(min_length=1, description="each field of a stage at most once")),
    )


def read_edits(edits: list[EditArguments]) -> list[Edit]:
    """The edits as the search space takes them."""
    return [Edit(edit.stage, edit.field, edit.value) for edit in edits]
