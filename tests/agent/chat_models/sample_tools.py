"""The two shapes of tools a designer is offered, over a small search space."""

from __future__ import annotations

import random
from typing import Annotated, Any

from langchain_core.tools import BaseTool, StructuredTool
from pydantic import Field, WithJsonSchema, create_model

from nas.space.json_schema import edits_schema, whole_design_schema
from nas.space.search_space import SearchSpace

SPACE = SearchSpace(num_stages=2)
PARENT = SPACE.sample(random.Random(3))


def whole_tool(space: SearchSpace = SPACE) -> BaseTool:
    """A tool whose arguments are a pydantic model with a JSON schema of its own."""
    stages = Annotated[list[Any], WithJsonSchema(whole_design_schema(space))]
    arguments = create_model("Whole", stages=(stages, Field(description="from input to output")))
    return StructuredTool.from_function(
        lambda stages: stages, name="propose_architecture", description="Propose.", args_schema=arguments
    )


def edit_tool() -> BaseTool:
    """A tool whose arguments are a plain JSON schema."""
    properties = {"candidate_id": {"const": "c0007"}, "edits": edits_schema(SPACE, PARENT)}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return StructuredTool.from_function(
        lambda **arguments: arguments, name="edit_architecture", description="Edit.", args_schema=schema
    )
