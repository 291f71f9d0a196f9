"""The offered tools in words, for chat templates that know no tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.chat_models.tool_calling import OfferedTool

HOW_TO_CALL = 'To call a tool answer with {"name":...,"arguments":{...}} and nothing else.'
JSON_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def describe_tools(tools: Sequence[OfferedTool], *, may_answer_text: bool) -> str:
    """A line a tool: its name, its arguments with their JSON types, and the first line of its description.

    With `may_answer_text` it also says how to call one: the grammar does not force the model to.
    """
    lines = ["Tools:", *map(_describe, tools)]
    return "\n".join([*lines, HOW_TO_CALL] if may_answer_text else lines)


def _describe(tool: OfferedTool) -> str:
    arguments = []
    for name, schema in tool.parameters.get("properties", {}).items():
        types = "|".join(dict.fromkeys(_types(schema, tool.parameters)))
        arguments.append(f"{name}: {types}" if types else name)
    purpose = tool.description.splitlines()[0] if tool.description else ""
    return f"- {tool.name}({', '.join(arguments)}): {purpose}"


def _types(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[str]:
    """The JSON types of the values under `schema`, as far as it states them."""
    if "$ref" in schema:
        definition = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
        return _types(definition, {})  # without definitions: a schema may refer to itself
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    if "const" in schema:
        return [JSON_TYPES[type(schema["const"])]]
    if "enum" in schema:
        return [JSON_TYPES[type(value)] for value in schema["enum"]]
    variants = schema.get("anyOf") or schema.get("oneOf") or ()
    return [name for variant in variants for name in _types(variant, root)]
