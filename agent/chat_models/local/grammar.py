"""What an answer that may call tools can look like, as a grammar."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.chat_models.call_format import CallFormat
from agent.chat_models.local.vocabulary import Vocabulary
from nas.errors import SettingError

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from agent.chat_models.tool_calling import OfferedTool


def compile_answer(
    vocabulary: Vocabulary, tools: Sequence[OfferedTool], call_format: CallFormat, *, or_text: bool
) -> LLMatcher:
    """A matcher of one call of one of `tools`, or with `or_text` of a text, or of both.

    Raises SettingError when a tool's schema cannot be expressed as a grammar.
    """
    from llguidance import LLMatcher

    grammar = answer_grammar(tools, call_format, vocabulary.specials, or_text=or_text)
    matcher = LLMatcher(vocabulary.guide, LLMatcher.grammar_from_lark(grammar), log_level=0)
    if matcher.is_error():
        names = ", ".join(tool.name for tool in tools)
        reason = str(matcher.get_error()).partition("\n")[0]
        raise SettingError(f"the arguments of {names} must have a schema a grammar can express: {reason}")
    return matcher


def answer_grammar(
    tools: Sequence[OfferedTool], call_format: CallFormat, specials: Mapping[str, int], *, or_text: bool
) -> str:
    """Lark grammar of the answer; with several tools their names are the first choice after the call's opening."""
    # one spelling of every value: optional whitespace would add meaningless choices
    spelling = {
        "whitespace_flexible": False,
        "item_separator": call_format.item_separator,
        "key_separator": call_format.key_separator,
    }
    closing = _literal(call_format.closing, specials)
    start = _start_with_text(call_format, specials) if or_text else _Start(["start: call"])
    calls = []
    rules = []
    for number, tool in enumerate(tools):
        calls.append(f"call_{number}")
        schema = {**_close_objects(tool.parameters), "x-guidance": spelling}
        head = _literal(call_format.head(tool.name).removeprefix(start.read), specials)
        rules.append(f"call_{number}: {head} arguments_{number} {closing}")
        rules.append(f"arguments_{number}: %json {json.dumps(schema)}")
    return "\n".join([*start.rules, "call: " + " | ".join(calls), *rules])


@dataclass(frozen=True, slots=True)
class _Start:
    """The first rules of a grammar, and the beginning of the call that they read themselves."""

    rules: Sequence[str]
    read: str = ""


def _start_with_text(call_format: CallFormat, specials: Mapping[str, int]) -> _Start:
    """A text or a call; where the sign of a call is a mark, a call may also follow a text."""
    sign, any_text = json.dumps(call_format.sign), "ANY: /(.|\\n)*/"
    if call_format.sign in specials:  # control tokens are never part of a text
        return _Start(["start: TEXT | TEXT call | call", any_text, "TEXT: ANY"])
    if call_format.may_follow_text:
        rules = ["start: TEXT | begun call", f"begun[suffix={sign}]: ANY", any_text]
        return _Start([*rules, "TEXT: ANY & ~CALLING", f"CALLING: ANY {sign} ANY"], call_format.sign)
    return _Start(["start: TEXT | call", any_text, "TEXT: ANY & ~CALLING", f"CALLING: {sign} ANY"])


def _literal(text: str, specials: Mapping[str, int]) -> str:
    """A text in Lark: strings, and control tokens by number."""
    if not specials:
        return json.dumps(text)
    parts = re.split("(" + "|".join(map(re.escape, sorted(specials, key=len, reverse=True))) + ")", text)
    return " ".join(f"<[{specials[part]}]>" if part in specials else json.dumps(part) for part in parts if part)


def _close_objects(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every object closed: pydantic leaves them open, and a model would go on inventing properties."""
    closed = dict(schema)
    for key in ("properties", "$defs"):
        if key in closed:
            closed[key] = {name: _close_objects(inner) for name, inner in closed[key].items()}
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if key in closed:
            closed[key] = [_close_objects(inner) for inner in closed[key]]
    if isinstance(closed.get("items"), dict):
        closed["items"] = _close_objects(closed["items"])
    return {"additionalProperties": False, **closed} if "properties" in closed else closed
