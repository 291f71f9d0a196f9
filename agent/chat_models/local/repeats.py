"""Lists of alternatives without repeats: what JSON schema cannot say and a list of edits needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.search.masks import complete_items


def forbid_repeats(parameters: Mapping[str, Any], written: str) -> dict[str, Any]:
    """The schema of `parameters` after the beginning `written` (compact JSON) of a value under it.

    In every top-level array whose items are `anyOf` objects, each complete item is fixed as it stands, and its variant
    is no longer offered to later items: a list of edits then never names a field of a stage twice. Unchanged where
    fewer variants remain than items are missing. Unaided, SmolLM2 repeats itself in a third of its edit lists.
    """
    properties = dict(parameters.get("properties", {}))
    for name, schema in properties.items():
        items = complete_items(written, name)[0] if _lists_variants(schema) else []
        if not items:
            continue
        rest = [variant for variant in schema["items"]["anyOf"] if not any(_describes(variant, item) for item in items)]
        if len(rest) >= schema.get("maxItems", len(items)) - len(items):
            fixed = [{"const": item} for item in items]
            properties[name] = {**schema, "prefixItems": fixed, "items": {"anyOf": rest} if rest else False}
    return {**parameters, "properties": properties}


def _lists_variants(schema: Mapping[str, Any]) -> bool:
    items = schema.get("items")
    variants: Sequence[Any] = items.get("anyOf", ()) if isinstance(items, dict) and "prefixItems" not in schema else ()
    return bool(variants) and all("properties" in variant for variant in variants)


def _describes(variant: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether an item was written under this variant: every property the variant fixes has that value."""
    fixed = {name: value["const"] for name, value in variant["properties"].items() if "const" in value}
    return all(name in item and item[name] == value for name, value in fixed.items())
