"""JSON schemas of what a designer may write: the tools' arguments, and thereby a local model's grammar."""

from __future__ import annotations

from typing import Any

from nas.architecture import Architecture
from nas.space import STAGE_FIELDS, SearchSpace

MIN_EDITS, MAX_EDITS = 2, 3


def whole_design_schema(space: SearchSpace) -> dict[str, Any]:
    """Schema of {"stages": [...]} with exactly the space's stages, fields and values.

    `expansion` is asked for every block, DWSepConv included, where it has no effect: so that drawing every field
    uniformly is drawing uniformly over the space.
    """
    stage = {
        "type": "object",
        "properties": {field: {"enum": list(space.choices(field))} for field in STAGE_FIELDS},
        "required": list(STAGE_FIELDS),
        "additionalProperties": False,
    }
    return {"type": "array", "items": stage, "minItems": space.num_stages, "maxItems": space.num_stages}


def edits_schema(space: SearchSpace, parent: Architecture) -> dict[str, Any]:
    """Schema of a list of 2-3 edits of `parent`: one variant per stage and field, values that change something."""
    variants = []
    for number, stage in enumerate(parent.stages, start=1):
        for field in STAGE_FIELDS:
            if field == "expansion" and stage.block == "DWSepConv":
                continue
            values = [value for value in space.choices(field) if value != getattr(stage, field)]
            variants.append(
                {
                    "type": "object",
                    "properties": {"stage": {"const": number}, "field": {"const": field}, "value": {"enum": values}},
                    "required": ["stage", "field", "value"],
                    "additionalProperties": False,
                }
            )
    return {"type": "array", "items": {"anyOf": variants}, "minItems": MIN_EDITS, "maxItems": MAX_EDITS}
