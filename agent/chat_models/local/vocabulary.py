"""A tokenizer's tokens as bytes, for the grammar and for text that grows token by token."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.errors import ChatModelError

if TYPE_CHECKING:
    from llguidance import LLTokenizer


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`guide` is llguidance's view of the tokenizer; `specials` are the ids of control tokens by their text."""

    guide: LLTokenizer
    specials: Mapping[str, int]

    def spell(self, tokens: Iterable[int]) -> bytes:
        """The UTF-8 bytes of `tokens`, control tokens included; a character's bytes may be incomplete at the end."""
        return bytes(self.guide.decode_bytes(list(tokens)))

    def is_special(self, token: int) -> bool:
        """Whether a token controls the conversation rather than being text."""
        return bool(self.guide.is_special_token(token))

    def find(self, sign: str, tokens: Sequence[int]) -> int:
        """The byte in the text of `tokens` at which `sign` begins, -1 if it does not occur.

        A sign that is a control token is not the same as its text spelled out.
        """
        if (control := self.specials.get(sign)) is not None:
            return len(self.spell(tokens[: tokens.index(control)])) if control in tokens else -1
        return self.spell(tokens).find(sign.encode())

    def tokenize(self, text: bytes) -> list[int]:
        """The tokens of a text without control tokens."""
        return list(self.guide.tokenize_bytes(text))


def read_vocabulary(tokenizer: Any, num_tokens: int, stop_tokens: Collection[int]) -> Vocabulary:
    """The tokens of a fast transformers tokenizer with `num_tokens` logits; takes about a quarter of a second.

    Raises ChatModelError for a tokenizer llguidance cannot read.
    """
    import llguidance.hf

    try:
        guide = llguidance.hf.from_tokenizer(tokenizer, n_vocab=num_tokens, eos_token=sorted(stop_tokens) or None)
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        rule = f"a local chat model needs a tokenizer that llguidance reads: {reason}"
        raise ChatModelError(f"{rule}; choose another model") from error
    special = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    return Vocabulary(guide, special)
