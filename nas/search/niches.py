"""Niches: the run's MAC range cut into bins, so that a search can see where it has looked least."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nas.cost import Budget
from nas.cost.feasible import build_legal
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace

_SPAN = 100  # without a lower limit the bins reach down to a hundredth of the upper one


@dataclass(frozen=True, slots=True)
class Niche:
    """Networks with `macs_min` to `macs_max` MACs, both inclusive."""

    macs_min: int
    macs_max: int

    def narrow(self, budget: Budget) -> Budget:
        """The budget with the niche's MACs in place of its own."""
        return budget.model_copy(update={"macs_min": self.macs_min, "macs_max": self.macs_max, "macs_soft": False})

    def __str__(self) -> str:
        return f"{self.macs_min / 1e6:.3g} to {self.macs_max / 1e6:.3g} M MACs"


def split_niches(budget: Budget, count: int) -> tuple[Niche, ...]:
    """`count` niches of equal width in log MACs that cover the budget's range, cheapest first; fewer if it is small."""
    if count == 0:
        return ()
    low, high = budget.macs_min or max(1, budget.macs_max // _SPAN), budget.macs_max
    bounds = [round(low * (high / low) ** (index / count)) for index in range(count + 1)]
    bounds[0] = budget.macs_min
    firsts = [bounds[0], *(bound + 1 for bound in bounds[1:-1])]
    return tuple(Niche(first, last) for first, last in zip(firsts, bounds[1:], strict=True) if first <= last)


def find_niche(niches: Sequence[Niche], macs: int) -> int | None:
    """The index of the niche that holds this many MACs; None outside all of them (MACs may be a soft limit)."""
    return next((index for index, niche in enumerate(niches) if niche.macs_min <= macs <= niche.macs_max), None)


def find_emptiest(candidates: Collection[int], counts: Mapping[int, int]) -> list[int]:
    """Those of the `candidates`, indices of niches, that hold the fewest trained networks."""
    fewest = min((counts.get(index, 0) for index in candidates), default=0)
    return [index for index in candidates if counts.get(index, 0) == fewest]


def find_witnesses(space: SearchSpace, task: Task, budget: Budget, niches: Sequence[Niche]) -> dict[int, Architecture]:
    """A legal network for the index of every niche in which a search of about half a second finds one.

    MACs and memory go together: at 160x160 with 320 KiB almost nothing is legal above 205 M MACs, whatever the range
    says. Aiming at such a niche would never succeed. The search is seeded by the niche alone, so that a resumed run
    aims as before.
    """
    found: dict[int, Architecture] = {}
    for index, niche in enumerate(niches):
        witness = build_legal(space, task, niche.narrow(budget), random.Random(str(niche)))
        if witness is not None:
            found[index] = witness
    return found
