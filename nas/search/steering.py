"""Steering away from narrow patterns and to legal designs: where the next starts, where it aims, what it may be.

Parents are those used least, from the front and from under-filled niches; whole designs aim at the emptiest niche.
Every draw depends on the run's seed and the proposal's number alone.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from nas.cost import Budget
from nas.search.masks import DesignMask, EditMask, OpenSpace
from nas.search.niches import Niche, find_emptiest, find_witnesses
from nas.search.parents import rank_parents
from nas.search.trial import Trial
from nas.search.trial_index import TrialIndex
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace

NUM_PARENTS = 3


@dataclass(frozen=True)
class Steering:
    """Steers the proposals of one run by what its trials show."""

    index: TrialIndex
    space: SearchSpace
    task: Task
    budget: Budget
    seed: int

    def rank_parents(self, number: int) -> list[Trial]:
        """Trained trials for proposal `number` to start from, the preferred one first; empty while there is none."""
        return rank_parents(self.index, self._rng("parent", number), NUM_PARENTS)

    def pick_niche(self, number: int) -> Niche | None:
        """One of the least explored niches that hold something legal, for proposal `number`."""
        picked = self._pick_niche(number)
        return None if picked is None else self.index.niches[picked]

    def mask_edits(self, parent: Trial) -> EditMask | None:
        """What edits of a parent may be written; None when no edit list leads to a legal and new network."""
        if parent.architecture is None:
            return None
        mask = EditMask(parent.id, parent.architecture, self._open_space(self.budget))
        return mask if mask.offers_any() else None

    def mask_design(self, number: int) -> DesignMask | None:
        """What a whole design may be, in the proposal's niche if anything new is there; None when nothing is found."""
        picked = self._pick_niche(number)
        aims = [] if picked is None else [(self.index.niches[picked].narrow(self.budget), [self._witnesses[picked]])]
        for budget, witnesses in (*aims, (self.budget, [])):
            mask = DesignMask(self._open_space(budget), self._rng("mask", number), witnesses)
            if mask.offers_any():
                return mask
        return None

    def _pick_niche(self, number: int) -> int | None:
        return pick_niche(self.index, self._witnesses, self._rng("niche", number))

    @cached_property
    def _witnesses(self) -> dict[int, Architecture]:
        return find_witnesses(self.space, self.task, self.budget, self.index.niches)

    def _open_space(self, budget: Budget) -> OpenSpace:
        return OpenSpace(self.space, self.task, budget, self.index.fingerprints)

    def _rng(self, purpose: str, number: int) -> random.Random:
        return random.Random(f"{purpose}:{self.seed}:{number}")


def pick_niche(index: TrialIndex, reachable: Collection[int], rng: random.Random) -> int | None:
    """The index of one of the `reachable` niches with the fewest trained networks; None where there is none."""
    emptiest = find_emptiest(reachable, index.niche_counts)
    return rng.choice(emptiest) if emptiest else None
