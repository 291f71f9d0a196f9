"""Which trained candidates the next design starts from."""

from __future__ import annotations

import random

from nas.search.trial import Trial
from nas.search.trial_index import TrialIndex

# of the parents, likelier the fewer designs were made from them; the others are the best of a niche, likelier the
# emptier it is
_FRONT_SHARE = 0.5


def rank_parents(index: TrialIndex, rng: random.Random, count: int) -> list[Trial]:
    """At most `count` different trained trials, the preferred one first; empty while there are none."""
    front, elites = index.front, index.elites
    ranked: dict[str, Trial] = {}
    for _ in range(4 * count):
        if len(ranked) == count or not front:
            break
        if not elites or rng.random() < _FRONT_SHARE:
            drawn = rng.choices(front, [1 / (1 + index.num_children[trial.id]) for trial in front])[0]
        else:
            drawn = rng.choices([trial for _, trial in elites], [1 / trained for trained, _ in elites])[0]
        ranked.setdefault(drawn.id, drawn)
    return list(ranked.values())
