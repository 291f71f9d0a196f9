"""Tool calls under a grammar: the model is asked only where the tools' schemas leave a choice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agent.chat_models.repeats import forbid_repeats
from nas.errors import ChatModelError, SettingError

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from numpy.typing import NDArray

    from agent.chat_models.tool_calling import OfferedTool

# One spelling of every value: optional whitespace would be choices that mean nothing.
COMPACT_JSON = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}


class Writer(Protocol):
    """Whoever continues a text token by token."""

    def append(self, tokens: Sequence[int]) -> None:
        """Take `tokens` as written."""

    def choose(self, allowed: NDArray[np.int64]) -> int:
        """Write one of the `allowed` token ids and return it."""


def wrap_tokenizer(tokenizer: Any, num_tokens: int) -> LLTokenizer:
    """llguidance's view of a fast transformers tokenizer with `num_tokens` logits; takes about half a second."""
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=num_tokens)


def call_text(name: str, arguments: dict[str, Any]) -> str:
    """A tool call as the local model writes and reads it."""
    return _head(name) + json.dumps(arguments, separators=(",", ":")) + "}"


def _head(name: str) -> str:
    return f'{{"name":{json.dumps(name)},"arguments":'


def tool_call_grammar(tools: Sequence[OfferedTool]) -> str:
    """Lark grammar of a call of one of `tools`; with several, their names are the first choice."""
    calls = [f"call_{number}" for number in range(len(tools))]
    rules = ["start: " + " | ".join(calls)]
    for call, tool in zip(calls, tools, strict=True):
        schema = {**_close_objects(tool.parameters), "x-guidance": COMPACT_JSON}
        rules.append(f'{call}: {json.dumps(_head(tool.name))} {call}_arguments "}}"')
        rules.append(f"{call}_arguments: %json {json.dumps(schema)}")
    return "\n".join(rules)


def _close_objects(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without properties it does not name: pydantic leaves objects open, and a model would write on."""
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


class CallMatcher:
    """What may be written next of one call of `tools`: their schemas, without repeats in lists of alternatives."""

    def __init__(self, tokenizer: LLTokenizer, tools: Sequence[OfferedTool]) -> None:
        """Raise SettingError when a schema cannot be expressed as a grammar."""
        self._tokenizer = tokenizer
        self._tools = tuple(tools)
        self._matcher = _compile(tokenizer, self._tools)
        self._narrowed: dict[str, Any] = {}
        self.written: list[int] = []

    def is_complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> tuple[list[int], NDArray[np.int64]]:
        """The tokens that must come next, or, when there are none, the ids to choose from (ascending)."""
        forced = list(self._matcher.compute_ff_tokens())
        if forced:
            return forced, np.empty(0, dtype=np.int64)
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        choices = np.flatnonzero(bits)
        return ([int(choices[0])], choices) if len(choices) == 1 else ([], choices)

    def take(self, tokens: Sequence[int]) -> None:
        """Go on after `tokens`, which `allowed` gave."""
        self.written += tokens
        if not self._matcher.consume_tokens(list(tokens)):
            raise RuntimeError(f"the grammar refused its own tokens: {self._matcher.get_error()}")
        self._narrow()

    def text(self) -> str:
        """What is written, without special tokens."""
        plain = [token for token in self.written if not self._tokenizer.is_special_token(token)]
        return str(self._tokenizer.decode_str(plain))

    def _narrow(self) -> None:
        text = self.text()
        named = next((tool for tool in self._tools if text.startswith(_head(tool.name))), None)
        if named is None:
            return
        parameters = forbid_repeats(named.parameters, text[len(_head(named.name)) :])
        if parameters in (named.parameters, self._narrowed):
            return
        self._narrowed = parameters
        self._matcher = _compile(self._tokenizer, [replace(named, parameters=parameters)])
        if not self._matcher.consume_tokens(self.written):
            raise RuntimeError(f"the narrowed grammar refused what is written: {self._matcher.get_error()}")


def write_call(matcher: CallMatcher, writer: Writer, *, max_tokens: int) -> dict[str, Any]:
    """The call {"name", "arguments"} that `writer` writes.

    Jump-forward: what the grammar forces is appended as it stands, and the writer chooses only where there are
    alternatives. Raises ChatModelError when the call is not complete after `max_tokens`.
    """
    while not matcher.is_complete():
        forced, choices = matcher.allowed()
        if forced:
            writer.append(forced)
        else:
            forced = [writer.choose(choices)]
        matcher.take(forced)
        if len(matcher.written) > max_tokens:
            raise ChatModelError(f"a tool call must be complete within max_tokens = {max_tokens}; raise that setting")
    call: dict[str, Any] = json.loads(matcher.text())
    return call


def _compile(tokenizer: LLTokenizer, tools: Sequence[OfferedTool]) -> LLMatcher:
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(tool_call_grammar(tools)), log_level=0)
    if matcher.is_error():
        names = ", ".join(tool.name for tool in tools)
        reason = str(matcher.get_error()).partition("\n")[0]
        raise SettingError(f"the arguments of {names} must have a schema a grammar can express: {reason}")
    return matcher
