"""What may come next in an answer: the tools' schemas, narrowed by masks and by what is already written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from agent.chat_models.call_format import COMPACT, CallFormat, compact_json
from agent.chat_models.local.grammar import compile_answer
from agent.chat_models.local.json_cursor import JsonCursor
from agent.chat_models.local.repeats import forbid_repeats
from agent.chat_models.local.vocabulary import Vocabulary

if TYPE_CHECKING:
    from llguidance import LLMatcher
    from numpy.typing import NDArray

    from agent.chat_models.mask_protocol import Mask
    from agent.chat_models.tool_calling import OfferedTool


@dataclass(frozen=True, slots=True)
class CallRules:
    """The tools an answer may call, how a call is spelled, and the masks by tool name. `or_text`: or write text."""

    tools: Sequence[OfferedTool]
    call_format: CallFormat = COMPACT
    masks: Mapping[str, Mask] | None = None
    or_text: bool = False


class AnswerMatcher:
    """One answer being written under its rules.

    A tool with a mask follows it; in the other tools' lists of alternatives nothing repeats.
    """

    def __init__(self, vocabulary: Vocabulary, rules: CallRules) -> None:
        """Raise SettingError when a schema cannot be expressed as a grammar."""
        self._vocabulary = vocabulary
        self._rules = rules
        self._masks = rules.masks or {}
        self._tool = rules.tools[0] if len(rules.tools) == 1 else None
        self.written: list[int] = []
        self._kind: Literal["call", "text"] | None = None if rules.or_text else "call"
        self._text_bytes = 0  # of the text before the call
        self._parameters: Mapping[str, Any] | None = None  # the named tool's, as last compiled
        if self._tool is not None:
            self._parameters = self._narrowed_parameters(self._tool)
        self._matcher = self._compile()

    @property
    def sign(self) -> str:
        """The beginning of every call."""
        return self._rules.call_format.sign

    @property
    def may_be_text(self) -> bool:
        """Whether the rules leave a choice between a call and a text."""
        return self._rules.or_text

    def kind(self) -> Literal["call", "text"] | None:
        """Whether the answer holds a call or is only text; None while a call may still begin."""
        return self._kind

    def is_complete(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    def allowed(self) -> tuple[list[int], NDArray[np.int64]]:
        """The tokens that must come next, or, when there are none, the ids to choose from (ascending)."""
        forced = list(self._matcher.compute_ff_tokens())
        if forced:
            return self._up_to_decision(forced), np.empty(0, dtype=np.int64)
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        choices = self._without_overruns(np.flatnonzero(bits))
        return ([int(choices[0])], choices) if len(choices) == 1 else ([], choices)

    def take(self, tokens: Sequence[int]) -> None:
        """Go on after `tokens`, which `allowed` gave."""
        self.written += tokens
        if not self._matcher.consume_tokens(list(tokens)):
            raise RuntimeError(f"the grammar refused its own tokens: {self._matcher.get_error()}")
        if self._kind is None:
            self._tell_kind()
        if self._kind == "call":
            self._narrow()

    def call_text(self) -> str:
        """The part of the call written so far, without an incomplete character at the end."""
        return self._call().decode(errors="ignore")

    def tool_name(self) -> str | None:
        """The tool that is called, once its name is written."""
        return self._tool.name if self._tool is not None and self._call().startswith(self._head(self._tool)) else None

    def arguments(self) -> str:
        """The JSON text of the call's arguments, as far as it certainly is not the call's closing."""
        if self._tool is None:
            return ""
        written = self._call()[len(self._head(self._tool)) :]
        end = max(0, len(written) - len(self._rules.call_format.closing.encode()))
        return written[:end].decode(errors="ignore")

    def _call(self) -> bytes:
        return self._vocabulary.spell(self.written)[self._text_bytes :]

    def _head(self, tool: OfferedTool) -> bytes:
        return self._rules.call_format.head(tool.name).encode()

    def _tell_kind(self) -> None:
        written, sign = self._vocabulary.spell(self.written), self.sign.encode()
        if self._rules.call_format.may_follow_text:
            place = self._vocabulary.find(self.sign, self.written)
            self._text_bytes = max(0, place)
            self._kind = "call" if place >= 0 else None
        elif written.startswith(sign):
            self._kind = "call"
        elif not sign.startswith(written):
            self._kind = "text"

    def _narrow(self) -> None:
        """Recompile where the mask, or what is already listed, leaves less than before."""
        if self._tool is None:
            call = self._call()
            self._tool = next((tool for tool in self._rules.tools if call.startswith(self._head(tool))), None)
        if self._tool is None:
            return
        known = self._tool.parameters if self._parameters is None else self._parameters
        parameters = self._narrowed_parameters(self._tool)
        if parameters is known or parameters == known:
            return
        self._parameters = parameters
        self._matcher = self._compile()
        if not self._matcher.consume_tokens(self.written):
            raise RuntimeError(f"the narrowed grammar refused what is written: {self._matcher.get_error()}")

    def _narrowed_parameters(self, tool: OfferedTool) -> Mapping[str, Any]:
        """The schema of the named tool's arguments, given the part already written."""
        call = self._call()
        written = compact_json(call[len(self._head(tool)) :].decode(errors="ignore"))
        mask = self._masks.get(tool.name)
        if mask is None:
            return forbid_repeats(tool.parameters, written)
        cursor = self._cursor(call)
        # 0 may become 0.25: nothing new is complete; nor is it after the end, where the call's closing is written
        has_nothing_new = cursor is not None and (cursor.is_in_scalar or cursor.is_done)
        return self._parameters if has_nothing_new and self._parameters is not None else mask.narrow(written)

    def _compile(self) -> LLMatcher:
        tools = self._rules.tools
        if self._tool is not None and self._parameters is not None:
            tools = [replace(self._tool, parameters=dict(self._parameters))]
        return compile_answer(self._vocabulary, tools, self._rules.call_format, or_text=self._rules.or_text)

    def _up_to_decision(self, forced: list[int]) -> list[int]:
        """The forced tokens; for a tool with a mask, only as far as the mask has decided."""
        if not self._masks:
            return forced
        call = self._call()
        cursor = self._cursor(call)
        for number, token in enumerate(forced):
            text = self._vocabulary.spell([token])
            if cursor is None:  # the mask is asked as soon as its tool is named
                call += text
                if (cursor := self._cursor(call)) is not None:
                    return forced[: number + 1]
            elif not cursor.may_take(text):
                return forced[:number] + self._vocabulary.tokenize(text[: cursor.read_to_decision(text)])
            elif cursor.read_to_decision(text) < len(text):
                return forced[: number + 1]
        return forced

    def _without_overruns(self, choices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The choices; for a tool with a mask, only those that do not reach beyond what the mask has decided.

        Never empty: the brackets, commas and quotes that end values are tokens of their own in every vocabulary.
        """
        if not self._masks or self._kind != "call" or (cursor := self._cursor(self._call())) is None:
            return choices
        kept = [token for token in choices if cursor.may_take(self._vocabulary.spell([int(token)]))]
        return np.array(kept, dtype=np.int64)

    def _cursor(self, call: bytes) -> JsonCursor | None:
        """The position within the arguments of a tool with a mask; None for other tools and before the arguments."""
        for tool in self._rules.tools:
            head = self._head(tool)
            if tool.name in self._masks and call.startswith(head):
                return JsonCursor(call[len(head) :])
        return None
