"""One answer being written after a prompt, token by token."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.chat_models.local.engine import CausalEngine, Reading
from agent.chat_models.sampling import draw_index

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How a token is drawn: temperature, then min_p."""

    temperature: float
    min_p: float


class Continuation:
    """One answer being written; counts what it cost. Nothing is computed until a choice is asked for."""

    def __init__(self, engine: CausalEngine, prompt: Sequence[int], rng: random.Random, draw: DrawSettings) -> None:
        self._engine = engine
        self._prompt = list(prompt)
        self._pending: list[int] = []  # written but not yet read by the model
        self._rng = rng
        self._draw = draw
        self._reading: Reading | None = None
        self.model_calls = 0
        self.num_written = 0

    @property
    def cached_prompt_tokens(self) -> int:
        """How many of the prompt's tokens had been read for an earlier prompt."""
        return 0 if self._reading is None else self._reading.num_shared

    def append(self, tokens: Sequence[int]) -> None:
        """Take `tokens` as written; the model reads them with the next choice, as one chunk."""
        self._pending += tokens
        self.num_written += len(tokens)

    def choose(self, allowed: NDArray[np.int64] | None = None) -> int:
        """Draw one token among `allowed` (None: the whole vocabulary), write it and return it."""
        if self._reading is None:
            # what is forced before the first choice is read together with the prompt's end
            self._reading = self._engine.start_reading([*self._prompt, *self._pending])
            logits = self._reading.read_prompt()
        else:
            logits = self._reading.read_on(self._pending)
        self.model_calls += 1
        if allowed is not None:
            logits = logits[allowed]
        index = draw_index(logits, self._rng, temperature=self._draw.temperature, min_p=self._draw.min_p)
        token = index if allowed is None else int(allowed[index])
        self._pending = [token]
        self.num_written += 1
        return token

    def close(self) -> None:
        """Hand what was read of the prompt over to the next answer."""
        if self._reading is not None:
            self._reading.close()
