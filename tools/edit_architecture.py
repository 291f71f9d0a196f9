"""The tool that changes a few fields of a known candidate."""

from __future__ import annotations

from typing import Annotated, Any

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from nas.errors import SettingError
from nas.search.masks import EditMask
from nas.search.trial import Trial
from nas.space.json_schema import MAX_EDITS, MIN_EDITS, any_edits_schema, edits_schema
from nas.space.search_space import Edit, SearchSpace
from nas.workspace.proposal import Proposal
from tools.answers import Answer, answer_tool
from tools.propose_architecture import describe_proposal


class EditArguments(BaseModel):
    """One field of one stage set to a value."""

    stage: int
    field: str
    value: str | int | float | bool


def build_edit_architecture(
    proposal: Proposal, parent: Trial | None = None, mask: EditMask | None = None
) -> StructuredTool:
    """The tool `edit_architecture`, which fills the proposal.

    With a `parent` its schema holds only 2-3 edits that change something there.
    """

    def edit_architecture(candidate_id: str, edits: list[EditArguments]) -> Answer:
        """Change fields of a known candidate. Returns the new candidate id, or the reason why there is none."""
        changes = [Edit(edit.stage, edit.field, edit.value) for edit in edits]
        return describe_proposal(proposal.edit(candidate_id, changes))

    arguments = _arguments_for_any(proposal.space) if parent is None else _arguments_for(proposal.space, parent)
    return answer_tool(edit_architecture, arguments, mask=mask)


def _arguments_for(space: SearchSpace, parent: Trial) -> type[BaseModel]:
    if parent.architecture is None:
        raise SettingError(f"edit_architecture needs a candidate with an architecture; {parent.id} has none")
    edits: Any = Annotated[list[EditArguments], WithJsonSchema(edits_schema(space, parent.architecture))]
    id_type = Annotated[str, WithJsonSchema({"const": parent.id})]
    return create_model(
        "EditArchitecture",
        candidate_id=(id_type, Field(description="the candidate to start from")),
        edits=(edits, Field(min_length=MIN_EDITS, max_length=MAX_EDITS)),
    )


def _arguments_for_any(space: SearchSpace) -> type[BaseModel]:
    edits: Any = Annotated[list[EditArguments], WithJsonSchema(any_edits_schema(space))]
    return create_model(
        "EditArchitecture",
        candidate_id=(str, Field(description="the candidate to start from, for example c001")),
        edits=(edits, Field(min_length=1, description="each field of a stage at most once")),
    )
