"""The tool that changes a few fields of a known candidate."""

from __future__ import annotations

from typing import Annotated

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, WithJsonSchema, create_model

from nas.errors import SettingError
from nas.schema import MAX_EDITS, MIN_EDITS, edits_schema
from nas.space import Edit
from nas.trial import Trial
from nas.workspace import Workspace
from tools.answers import Answer, answer_tool
from tools.propose_architecture import phrase_proposal


class EditArguments(BaseModel):
    """One field of one stage set to a value."""

    stage: int
    field: str
    value: str | int | float | bool


def build_edit_architecture(workspace: Workspace, parent: Trial) -> StructuredTool:
    """The tool `edit_architecture` narrowed to one parent: its schema holds only edits that change something."""
    if parent.architecture is None:
        raise SettingError(f"edit_architecture needs a candidate with an architecture; {parent.id} has none")
    edits_type = Annotated[list[EditArguments], WithJsonSchema(edits_schema(workspace.space, parent.architecture))]
    id_type = Annotated[str, WithJsonSchema({"const": parent.id})]
    arguments = create_model(
        "EditArchitecture",
        candidate_id=(id_type, Field(description="the candidate to start from")),
        edits=(edits_type, Field(min_length=MIN_EDITS, max_length=MAX_EDITS)),
    )

    def edit_architecture(candidate_id: str, edits: list[EditArguments]) -> Answer:
        """Change 2 or 3 fields of a known candidate. Returns the new candidate id, or the reason why there is none."""
        changes = [Edit(edit.stage, edit.field, edit.value) for edit in edits]
        return phrase_proposal(workspace.edit(candidate_id, changes))

    return answer_tool(edit_architecture, arguments)
