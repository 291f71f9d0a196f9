"""Tool calls under a grammar: the model is asked only where the tools' schemas leave a choice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

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
        schema = {**tool.parameters, "x-guidance": COMPACT_JSON}
        rules.append(f'{call}: {json.dumps(_head(tool.name))} {call}_arguments "}}"')
        rules.append(f"{call}_arguments: %json {json.dumps(schema)}")
    return "\n".join(rules)


def match_tool_calls(tokenizer: LLTokenizer, tools: Sequence[OfferedTool]) -> LLMatcher:
    """A matcher at the start of a call of one of `tools`; raises SettingError for a schema it cannot express."""
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(tool_call_grammar(tools)), log_level=0)
    if matcher.is_error():
        names = ", ".join(tool.name for tool in tools)
        reason = str(matcher.get_error()).splitlines()[0]
        raise SettingError(f"the arguments of {names} must have a schema a grammar can express: {reason}")
    return matcher


def write_under(matcher: LLMatcher, writer: Writer, *, max_tokens: int) -> list[int]:
    """The tokens written until the grammar is complete.

    Jump-forward: what the grammar forces is appended as it stands, and the writer chooses only where there are
    alternatives. Raises ChatModelError when the text is not complete after `max_tokens`.
    """
    written: list[int] = []
    while not matcher.is_stopped():
        forced = list(matcher.compute_ff_tokens())
        if not forced:
            allowed = _allowed_tokens(matcher)
            forced = [int(allowed[0])] if len(allowed) == 1 else []
        if forced:
            writer.append(forced)
        else:
            forced = [writer.choose(allowed)]
        written += forced
        matcher.consume_tokens(forced)
        if len(written) > max_tokens:
            raise ChatModelError(f"a tool call must be complete within max_tokens = {max_tokens}; raise that setting")
    if matcher.is_error():  # never caused by settings or by the model: its tokens come from the mask
        raise RuntimeError(f"the grammar refused its own token: {matcher.get_error()}")
    return written


def _allowed_tokens(matcher: LLMatcher) -> NDArray[np.int64]:
    """Ids of the tokens the grammar accepts next, ascending."""
    bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
    return np.flatnonzero(bits)
