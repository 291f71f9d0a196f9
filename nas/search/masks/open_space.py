"""The part of the search space that is still open to a run: legal networks that it does not know yet."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from nas.cost import Budget
from nas.cost.screening import price_if_legal
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace


@dataclass(frozen=True)
class OpenSpace:
    """The networks that keep the one-pixel rule and every limit of `budget`, and whose fingerprint is not `known`."""

    space: SearchSpace
    task: Task
    budget: Budget
    known: Container[str]
    _seen: dict[Architecture, bool] = field(default_factory=dict, repr=False)

    def holds(self, architecture: Architecture) -> bool:
        """Whether the architecture is legal and new, by its exact price; computed once per architecture."""
        verdict = self._seen.get(architecture)
        if verdict is None:
            legal = price_if_legal(architecture, self.task, self.budget) is not None
            verdict = legal and architecture.fingerprint(self.task.stem_channels) not in self.known
            self._seen[architecture] = verdict
        return verdict
