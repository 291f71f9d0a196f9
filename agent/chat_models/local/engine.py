"""A transformers causal LM that reads token sequences reproducibly, keeping what it has read of a shared prompt."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.chat_models.local.chat_template import ChatTemplate, read_chat_template
from agent.chat_models.local.loading import choose_device, choose_dtype, load_model, load_tokenizer
from agent.chat_models.local.vocabulary import Vocabulary, read_vocabulary
from nas.errors import ChatModelError, ConversationTooLongError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Prompts are read in blocks of this many tokens, counted from the prompt's start, and only whole blocks are kept.
# A matrix product's rounding depends on how many rows it has: if prompts were read in chunks that depend on what the
# cache happens to hold, the same prompt and seed could give another answer after a resume.
PREFILL_BLOCK = 64


@dataclass(frozen=True, slots=True)
class KeptPrompt:
    """A key-value cache not in use, and the tokens of the whole blocks it holds."""

    cache: Any
    tokens: Sequence[int]


class CausalEngine:
    """One loaded model and its tokenizer. Hold `lock` while computing with it; several readings may be open."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        config = model.config.get_text_config()
        self.model = model
        self.tokenizer = tokenizer
        self.num_tokens = int(config.vocab_size)
        self.context_tokens = int(getattr(config, "max_position_embeddings", 0)) or None
        self.lock = threading.Lock()
        self._kept: KeptPrompt | None = None

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """Ids that end an answer: the tokenizer's and the generation settings' end-of-sequence tokens."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in (*listed, self.tokenizer.eos_token_id) if token is not None)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens as bytes; built at the first use, a quarter of a second."""
        return read_vocabulary(self.tokenizer, self.num_tokens, self.stop_tokens)

    @cached_property
    def template(self) -> ChatTemplate:
        """The tokenizer's chat template and what it knows of tools."""
        return read_chat_template(self.tokenizer, [self.tokenizer.decode([token]) for token in self.stop_tokens])

    def start_reading(self, prompt: Sequence[int]) -> Reading:
        """A reading of `prompt` that continues from the whole blocks it shares with the prompt kept last.

        A kept cache belongs to one reading at a time: a concurrent second one starts from nothing.
        """
        kept, self._kept = self._kept, None
        shared = 0 if kept is None else _shared_blocks(kept.tokens, prompt[: _whole_blocks(prompt)])
        cache = _cropped(kept.cache, shared) if kept is not None and shared else None
        return Reading(self, prompt, *((cache, shared) if cache is not None else (self._new_cache(), 0)))

    def keep(self, kept: KeptPrompt) -> None:
        """Take a cache back for the next reading."""
        self._kept = kept

    def forward(self, tokens: Sequence[int], cache: Any, *, want_logits: bool) -> NDArray[np.float64]:
        """Logits after `tokens`, (num_tokens,), or an empty array if not wanted; `cache` grows by the tokens."""
        import torch

        from nas.training.out_of_memory import is_out_of_memory

        length = cache.get_seq_length() + len(tokens)
        if self.context_tokens is not None and length > self.context_tokens:
            raise ConversationTooLongError(
                f"a conversation must fit {self.context_tokens} tokens; this one has {length}"
            )
        ids = torch.tensor([list(tokens)], device=self.model.device)  # (1, tokens)
        try:
            with torch.inference_mode():
                if want_logits:
                    out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
                    logits: NDArray[np.float64] = out.logits[0, -1].double().cpu().numpy()  # (num_tokens,)
                    return logits
                # the output layer is a fifth of the work
                self.model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
                return np.empty(0)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            rule = f"{self.model.device} must have memory for a conversation of {length} tokens"
            raise ChatModelError(f"{rule}; choose device cpu or a smaller model") from error

    def _new_cache(self) -> Any:
        from transformers.cache_utils import DynamicCache

        return DynamicCache(config=self.model.config)


class Reading:
    """One sequence being read: a prompt, then what is written after it, in a cache of its own."""

    def __init__(self, engine: CausalEngine, prompt: Sequence[int], cache: Any, num_shared: int) -> None:
        self.num_shared = num_shared
        self._engine = engine
        self._prompt = list(prompt)
        self._cache = cache
        self._is_intact = False  # the prompt is read and no forward pass was interrupted halfway through the layers

    def read_prompt(self) -> NDArray[np.float64]:
        """Logits after the prompt, (num_tokens,)."""
        whole = _whole_blocks(self._prompt)
        for start in range(self.num_shared, whole, PREFILL_BLOCK):
            self._engine.forward(self._prompt[start : start + PREFILL_BLOCK], self._cache, want_logits=False)
        return self.read_on(self._prompt[whole:])

    def read_on(self, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Logits after `tokens`, which follow what was read last."""
        self._is_intact = False
        logits = self._engine.forward(tokens, self._cache, want_logits=True)
        self._is_intact = True
        return logits

    def close(self) -> None:
        """Leave the cache to the next reading. Nothing may be read afterwards."""
        if self._is_intact:
            self._engine.keep(KeptPrompt(self._cache, self._prompt[: _whole_blocks(self._prompt)]))
        self._is_intact = False


def load_engine(source: str | Path, *, device: str = "auto", dtype: str = "auto", hub: bool = False) -> CausalEngine:
    """The causal language model and tokenizer `source` names: a folder, or with `hub` a repository to download.

    Settings as in `ChatModelSettings`. Only safetensors are read and no code of the repository runs. Raises
    ChatModelError for a model that is unavailable or has no chat template, or for a missing device.
    """
    # what can be checked before the weights are downloaded comes first
    place = choose_device(device)
    tokenizer = load_tokenizer(source, hub=hub)
    model = load_model(source, device=place, dtype=choose_dtype(dtype, place), hub=hub)
    return CausalEngine(model, tokenizer)


def _whole_blocks(prompt: Sequence[int]) -> int:
    """How many tokens of a prompt lie in whole blocks; its last token never does: it is read for its logits."""
    return (len(prompt) - 1) // PREFILL_BLOCK * PREFILL_BLOCK


def _shared_blocks(kept: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens at the start of `tokens` lie in whole kept blocks that are equal."""
    shared = 0
    while shared < len(kept) and kept[shared : shared + PREFILL_BLOCK] == tokens[shared : shared + PREFILL_BLOCK]:
        shared += PREFILL_BLOCK
    return shared


def _cropped(cache: Any, length: int) -> Any | None:
    """The cache cut back to `length` tokens; None where it cannot be: sliding windows and states that forget."""
    try:
        if (surplus := cache.get_seq_length() - length) > 0:
            cache.crop(-surplus)  # transformers 5 wants the number to remove, negative
    except RuntimeError:
        return None
    return cache
