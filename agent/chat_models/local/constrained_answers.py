"""An answer as it grows: pieces of text, or of one tool call decoded under a grammar.

Jump-forward: what the grammar forces is appended as it stands, and the model is asked only where there are
alternatives.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from langchain_core.utils.json import parse_partial_json

from agent.chat_models.local.matcher import AnswerMatcher
from agent.chat_models.local.vocabulary import Vocabulary
from nas.errors import ChatModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Piece:
    """What an answer grew by: text, or a part of its call (the tool's name first, then its arguments)."""

    text: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where an answer ends: at a stop token, before a stop string (texts alone), after `max_tokens`."""

    tokens: Collection[int]
    strings: Sequence[str]
    max_tokens: int


class Writer(Protocol):
    """Continues a text token by token."""

    def append(self, tokens: Sequence[int]) -> None:
        """Take `tokens` as written."""

    def choose(self, allowed: NDArray[np.int64] | None = None) -> int:
        """Write one of the `allowed` token ids (None: of all) and return it."""


def write_call(matcher: AnswerMatcher, writer: Writer, ends: Ends) -> Iterator[Piece]:
    """The pieces of the call that `writer` writes; raises ChatModelError when it is not complete after max_tokens.

    Where the model may write text instead, nothing is raised: a call that was cut off is returned as an invalid one.
    """
    name, told = None, 0
    while not matcher.is_complete():
        if len(matcher.written) >= ends.max_tokens:
            if not matcher.may_be_text:
                rule = f"a tool call must be complete within max_tokens = {ends.max_tokens}"
                raise ChatModelError(f"{rule}; raise that setting")
            raw = matcher.arguments() if name else matcher.call_text()
            yield Piece(arguments=raw[told:] + mark_cut(raw))
            return
        forced, choices = matcher.allowed()
        if forced:
            writer.append(forced)
        else:
            forced = [writer.choose(choices)]
        matcher.take(forced)
        if name is None and (name := matcher.tool_name()):
            yield Piece(name=name)
        if name and len(arguments := matcher.arguments()) > told:
            yield Piece(arguments=arguments[told:])
            told = len(arguments)


def write_text(vocabulary: Vocabulary, writer: Writer, ends: Ends, begun: Sequence[int] = ()) -> Iterator[Piece]:
    """The pieces of a text that continues after the tokens `begun`, without stop tokens and stop strings."""
    text = GrowingText(vocabulary, ends.strings)
    for token in begun:
        yield from _pieces(text.take(token))
    num_written = len(begun)
    while num_written < ends.max_tokens and text.ended_with is None:
        token = writer.choose()
        num_written += 1
        if token in ends.tokens:
            break
        yield from _pieces(text.take(token))
    yield from _pieces(text.finish())


def write_either(vocabulary: Vocabulary, matcher: AnswerMatcher, writer: Writer, ends: Ends) -> Iterator[Piece]:
    """The pieces of a text, of a call or of both, as the model's own tokens decide."""
    marks = [matcher.sign] if matcher.sign not in vocabulary.specials else []  # control tokens are never text
    text = GrowingText(vocabulary, [*ends.strings, *marks])
    while matcher.kind() is None and len(matcher.written) < ends.max_tokens:
        _, choices = matcher.allowed()  # nothing is forced: a text may continue with anything
        token = writer.choose(choices)
        if token in ends.tokens:
            break
        matcher.take([token])
        if matcher.kind() == "text":  # undecided so far: up to here it could have been a call
            yield from write_text(vocabulary, writer, ends, matcher.written)
            return
        yield from _pieces(text.take(token))
        if text.ended_with in ends.strings:
            return
    yield from _pieces(text.finish())
    if matcher.kind() == "call":
        yield from write_call(matcher, writer, ends)


class GrowingText:
    """Text decoded token by token and cut before the first stop string; what may turn into one is held back."""

    def __init__(self, vocabulary: Vocabulary, stop: Sequence[str]) -> None:
        self._vocabulary = vocabulary
        self._stop = [mark for mark in stop if mark]
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text = ""
        self._told = 0
        self.ended_with: str | None = None

    def take(self, token: int) -> str:
        """The text that `token` makes certain."""
        if self.ended_with is not None or self._vocabulary.is_special(token):
            return ""
        self._text += self._decoder.decode(self._vocabulary.spell([token]))
        return self._tell()

    def finish(self) -> str:
        """The text held back, now that nothing follows."""
        if self.ended_with is None:
            self._text += self._decoder.decode(b"", final=True)
        return self._say(len(self._text))

    def _tell(self) -> str:
        places = [(self._text.index(mark), mark) for mark in self._stop if mark in self._text]
        if places:
            place, self.ended_with = min(places)
            self._text = self._text[:place]
            return self._say(place)
        held = max((_overlap(self._text, mark) for mark in self._stop), default=0)
        return self._say(len(self._text) - held)

    def _say(self, end: int) -> str:
        said = self._text[self._told : end]
        self._told = max(self._told, end)
        return said


def mark_cut(raw: str) -> str:
    """A mismatched bracket that keeps a truncated call from being taken for a complete one.

    langchain closes what is open in a streamed call and passes it on as valid: an edit list would lose its last edits.
    """
    endings = ("]", "}", '"]', '"}', '""]', '""}')  # outside a string, inside one, after a backslash inside one
    return next(ending for ending in endings if not _passes_for_whole(raw + ending))


def _passes_for_whole(raw: str) -> bool:
    try:
        return isinstance(parse_partial_json(raw), dict)
    except ValueError:
        return False


def _pieces(text: str) -> Iterator[Piece]:
    if text:
        yield Piece(text=text)


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` begin `mark`."""
    return next((size for size in range(min(len(text), len(mark) - 1), 0, -1) if text.endswith(mark[:size])), 0)
