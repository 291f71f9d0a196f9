"""The baselines that replace the LLM: arguments drawn uniformly from the offered tool's schema."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from typing_extensions import override

from agent.chat_models.sampling import seeded
from agent.chat_models.tool_calling import ToolCallingChatModel, offer_tools
from nas.errors import ChatModelError, SettingError


class SchemaBaseline(ToolCallingChatModel):
    """Calls an offered tool with arguments drawn uniformly from its schema; reads no message.

    Which baseline it is depends on the offered tool: whole designs make it random search, edits make it mutation.
    """

    seed: int = 0
    model_name: str = "random"

    @property
    @override
    def _llm_type(self) -> str:
        return "kilosmith-sampler"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> ChatResult:
        offered = offer_tools(tools, tool_choice)
        if not offered:
            raise ChatModelError(f"{self.model_name} writes no text: it only calls tools, and none is bound")
        rng = seeded(self.seed, seed)
        tool = rng.choice(offered)
        arguments = draw_value(tool.parameters, rng)
        digest = hashlib.sha256(json.dumps([self.seed, seed, tool.name, arguments]).encode()).hexdigest()
        call = tool_call(name=tool.name, args=arguments, id=f"call_{digest[:16]}")
        message = AIMessage(content="", tool_calls=[call], response_metadata={"model_name": self.model_name})
        return ChatResult(generations=[ChatGeneration(message=message)])


def draw_value(schema: Mapping[str, Any], rng: random.Random) -> Any:
    """A value drawn uniformly from a finite JSON schema, choice by choice.

    Only required properties are drawn (all, if none is marked). An array of `anyOf` items takes each variant at most
    once while there are enough: edits of one field of one stage are not drawn twice. Raises SettingError for a
    schema without finitely many values.
    """
    return _draw(schema, rng, schema)


def _draw(schema: Mapping[str, Any], rng: random.Random, root: Mapping[str, Any]) -> Any:
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    if variants := schema.get("anyOf") or schema.get("oneOf"):
        return _draw(rng.choice(variants), rng, root)
    return _draw_typed(schema, rng, root)


def _draw_typed(schema: Mapping[str, Any], rng: random.Random, root: Mapping[str, Any]) -> Any:
    match schema.get("type"):
        case "boolean":
            return rng.choice((False, True))
        case "integer" if "minimum" in schema and "maximum" in schema:
            return rng.randint(schema["minimum"], schema["maximum"])
        case "object":
            properties = schema.get("properties", {})
            return {name: _draw(properties[name], rng, root) for name in schema.get("required", properties)}
        case "array" if "prefixItems" in schema or "maxItems" in schema:
            return _draw_array(schema, rng, root)
    raise SettingError(f"a baseline needs a schema with finitely many values; got {json.dumps(schema)[:120]}")


def _draw_array(schema: Mapping[str, Any], rng: random.Random, root: Mapping[str, Any]) -> list[Any]:
    head = schema.get("prefixItems", [])
    fewest = schema.get("minItems", 0)
    length = rng.randint(fewest, schema.get("maxItems", max(fewest, len(head))))
    values = [_draw(item, rng, root) for item in head[:length]]
    missing = length - len(values)
    if missing == 0:
        return values
    items = _resolve(schema["items"], root)
    variants = items.get("anyOf") or items.get("oneOf") or []
    drawn = rng.sample(variants, missing) if len(variants) >= missing else [items] * missing
    return values + [_draw(item, rng, root) for item in drawn]


def _resolve(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """`schema`, or what its local $ref points at."""
    while "$ref" in schema:
        target: Any = root
        for key in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[key]
        schema = target
    return schema
