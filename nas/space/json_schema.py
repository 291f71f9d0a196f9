"""JSON schemas of what a designer may write: the tools' arguments, and thereby a local model's grammar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nas.space.architecture import Architecture
from nas.space.search_space import STAGE_FIELDS, Choice, Edit, SearchSpace

MIN_EDITS, MAX_EDITS = 2, 3


def whole_design_schema(space: SearchSpace) -> dict[str, Any]:
    """Schema of the array `stages` with exactly the space's stages, fields and values.

    `expansion` is required for every block, even DWSepConv, where it has no effect, so that drawing every field
    uniformly draws uniformly over the space.
    """
    return _array(_stage_schema(space, {}), fewest=space.num_stages, most=space.num_stages)


def begun_design_schema(
    space: SearchSpace, stages: Sequence[Mapping[str, Any]], begun: Mapping[str, Any], choices: Sequence[Choice]
) -> dict[str, Any]:
    """Schema of {"stages"} whose first `stages` are written and the next one `begun`, its next field one of `choices`.

    The values that come after that one are left open.
    """
    written: list[dict[str, Any]] = [{"const": dict(stage)} for stage in stages]
    if len(stages) < space.num_stages:
        fixed: dict[str, Sequence[Any]] = {field: [value] for field, value in begun.items()}
        if len(begun) < len(STAGE_FIELDS):
            fixed[STAGE_FIELDS[len(begun)]] = choices
        written.append(_stage_schema(space, fixed))
    array = _array(_stage_schema(space, {}), fewest=space.num_stages, most=space.num_stages)
    return _object({"stages": {**array, "prefixItems": written}})


def edits_schema(space: SearchSpace, parent: Architecture) -> dict[str, Any]:
    """Schema of a list of 2-3 edits of `parent`: one variant per stage and field, values that change something."""
    return _array({"anyOf": _edit_variants(space.single_edits(parent))}, fewest=MIN_EDITS, most=MAX_EDITS)


def any_edits_schema(space: SearchSpace) -> dict[str, Any]:
    """Schema of a list of edits of any candidate: one variant per field; the tool says whether they fit."""
    stages = {"type": "integer", "minimum": 1, "maximum": space.num_stages}
    variants = [
        _object({"stage": stages, "field": {"const": field}, "value": {"enum": list(space.choices(field))}})
        for field in STAGE_FIELDS
    ]
    return _array({"anyOf": variants}, fewest=1, most=len(STAGE_FIELDS) * space.num_stages)


def edit_arguments_schema(
    candidate_id: str, written: Sequence[Mapping[str, Any]], options: Sequence[Edit], *, may_end: bool
) -> dict[str, Any]:
    """Schema of {"candidate_id", "edits"} whose first edits are `written`, followed by one of `options` or by nothing.

    The edits that come after that one are left open.
    """
    fewest = max(MIN_EDITS, len(written) if may_end else len(written) + 1)
    variants = _edit_variants(options)
    array = _array({"anyOf": variants} if variants else False, fewest=fewest, most=MAX_EDITS if variants else fewest)
    array["prefixItems"] = [{"const": dict(edit)} for edit in written]
    return _object({"candidate_id": {"const": candidate_id}, "edits": array})


def _edit_variants(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """A variant for each stage and field, in the order of their first edit."""
    values: dict[tuple[int, str], list[Choice]] = {}
    for edit in edits:
        values.setdefault((edit.stage, edit.field), []).append(edit.value)
    return [
        _object({"stage": {"const": stage}, "field": {"const": field}, "value": {"enum": allowed}})
        for (stage, field), allowed in values.items()
    ]


def _stage_schema(space: SearchSpace, narrowed: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return _object({field: {"enum": list(narrowed.get(field, space.choices(field)))} for field in STAGE_FIELDS})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: dict[str, Any] | bool, *, fewest: int, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": fewest, "maxItems": most}
