"""One draw from a distribution over the tokens that may come next."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def seeded(seed: int, call_seed: int) -> random.Random:
    """The generator of one call's draws: a function of the two seeds, the same on every machine and Python."""
    return random.Random(f"{seed}/{call_seed}")


def draw_index(logits: NDArray[np.float64], rng: random.Random, *, temperature: float, min_p: float) -> int:
    """Index drawn from softmax(logits / temperature), excluding what is less likely than min_p times the likeliest.

    Temperature acts before min_p, as in transformers. Temperature 0 returns the likeliest index.
    """
    if temperature == 0:
        return int(np.argmax(logits))
    weights = np.exp((logits - logits.max()) / temperature)  # the likeliest weighs 1
    weights[weights < min_p] = 0.0
    cumulative = np.cumsum(weights)
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    return min(index, int(np.flatnonzero(weights)[-1]))  # rounding may push the draw past the last weight
