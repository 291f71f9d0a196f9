"""A transformers causal LM that continues token sequences reproducibly, keeping what it has read of a shared prompt."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.chat_models.sampling import draw_index
from nas.errors import ChatModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Prompts are read in blocks of this many tokens, counted from the prompt's start, and only whole blocks are kept.
# A matrix product's rounding depends on how many rows it has: were prompts read in chunks that depend on what happens
# to be in the cache, the same prompt and seed could give another answer after a resume.
PREFILL_BLOCK = 64


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How a token is drawn: temperature, then min_p."""

    temperature: float
    min_p: float


class CausalEngine:
    """One loaded model and its tokenizer. Not thread-safe: one `Continuation` at a time."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        from transformers.cache_utils import DynamicCache

        self.model = model
        self.tokenizer = tokenizer
        self.num_tokens = int(model.config.vocab_size)
        self.context_tokens = int(getattr(model.config, "max_position_embeddings", 0)) or None
        self._new_cache: Callable[[], Any] = lambda: DynamicCache(config=model.config)
        self._cache = self._new_cache()
        self._kept: list[int] = []  # the tokens of the whole blocks the cache holds
        self._torn = False  # a forward pass was interrupted: the layers may hold different lengths

    def stop_tokens(self) -> frozenset[int]:
        """Ids that end an answer: the tokenizer's and the generation settings' end-of-sequence tokens."""
        configured = getattr(self.model.generation_config, "eos_token_id", None)
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in (*listed, self.tokenizer.eos_token_id) if token is not None)

    def read_prompt(self, tokens: Sequence[int]) -> tuple[NDArray[np.float64], int]:
        """Logits after `tokens`, (num_tokens,), and how many tokens the kept blocks already covered."""
        whole = (len(tokens) - 1) // PREFILL_BLOCK * PREFILL_BLOCK  # the last token must be read for its logits
        shared = 0 if self._torn else _shared_blocks(self._kept[:whole], tokens)
        self._crop(shared)
        self._kept = list(tokens[:shared])
        for start in range(shared, whole, PREFILL_BLOCK):
            block = tokens[start : start + PREFILL_BLOCK]
            self._forward(block, want_logits=False)
            self._kept += block
        return self._forward(tokens[whole:], want_logits=True), shared

    def read_on(self, tokens: Sequence[int]) -> NDArray[np.float64]:
        """Logits after `tokens`, which follow what was read last."""
        return self._forward(tokens, want_logits=True)

    def _crop(self, length: int) -> None:
        if length == 0:
            self._cache = self._new_cache()
            self._torn = False
        elif (surplus := self._cache.get_seq_length() - length) > 0:
            self._cache.crop(-surplus)  # transformers 5 wants the number to remove, negative

    def _forward(self, tokens: Sequence[int], *, want_logits: bool) -> NDArray[np.float64]:
        import torch

        length = self._cache.get_seq_length() + len(tokens)
        if self.context_tokens is not None and length > self.context_tokens:
            raise ChatModelError(f"a conversation must fit {self.context_tokens} tokens; this one has {length}")
        ids = torch.tensor([list(tokens)], device=self.model.device)  # (1, tokens)
        self._torn = True
        with torch.inference_mode():
            if want_logits:
                out = self.model(input_ids=ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
                logits: NDArray[np.float64] = out.logits[0, -1].double().cpu().numpy()  # (num_tokens,)
            else:  # the output layer is a fifth of the work
                self.model.base_model(input_ids=ids, past_key_values=self._cache, use_cache=True)
                logits = np.empty(0)
        self._torn = False
        return logits


class Continuation:
    """One answer being written after a prompt; counts what it cost. Nothing is computed until a choice is asked for."""

    def __init__(self, engine: CausalEngine, prompt: Sequence[int], rng: random.Random, draw: DrawSettings) -> None:
        self._engine = engine
        self._pending = list(prompt)
        self._rng = rng
        self._draw = draw
        self.model_calls = 0
        self.cached_prompt_tokens = 0

    def append(self, tokens: Sequence[int]) -> None:
        """Take `tokens` as written; the model reads them with the next choice, as one chunk."""
        self._pending += tokens

    def choose(self, allowed: NDArray[np.int64] | None = None) -> int:
        """Draw one token among `allowed` (None: the whole vocabulary), write it and return it."""
        if self.model_calls == 0:
            logits, self.cached_prompt_tokens = self._engine.read_prompt(self._pending)
        else:
            logits = self._engine.read_on(self._pending)
        self.model_calls += 1
        if allowed is not None:
            logits = logits[allowed]
        index = draw_index(logits, self._rng, temperature=self._draw.temperature, min_p=self._draw.min_p)
        token = index if allowed is None else int(allowed[index])
        self._pending = [token]
        return token


def load_engine(folder: Path) -> CausalEngine:
    """The model and tokenizer in `folder`, in bfloat16 where the CPU computes it natively, else float32.

    Measured on two cores: bfloat16 reads a forced chunk of four tokens in 57 ms, float32 in 78 ms.
    """
    from nas.training.torchvision_import import import_torchvision

    import_torchvision()  # transformers imports it
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ChatModelError(f"{folder} must hold a transformers causal language model: {reason}") from error
    return CausalEngine(model.eval(), tokenizer)


def _shared_blocks(kept: Sequence[int], tokens: Sequence[int]) -> int:
    """How many tokens at the start of `tokens` lie in whole kept blocks that are equal."""
    shared = 0
    while shared < len(kept) and kept[shared : shared + PREFILL_BLOCK] == tokens[shared : shared + PREFILL_BLOCK]:
        shared += PREFILL_BLOCK
    return shared
