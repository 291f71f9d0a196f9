"""One architecture estimated: what it costs and which limits it breaks, in one value."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from nas.cost.budget import Budget
from nas.cost.constraints import Violation, find_violations
from nas.cost.price import CostReport, report
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace


@dataclass(frozen=True, slots=True)
class Assessment:
    """The costs of an architecture and every limit it violates, each with the cheapest edits that cure all of them."""

    report: CostReport
    violations: tuple[Violation, ...]

    @property
    def is_legal(self) -> bool:
        """Whether every limit is kept."""
        return not self.violations


def estimate(
    architecture: Architecture,
    space: SearchSpace,
    task: Task,
    budget: Budget,
    *,
    excluded: Container[str] = frozenset(),
) -> Assessment:
    """The costs of an architecture of the space and what they violate of the budget; bytes and counts.

    `excluded` holds fingerprints of known networks, which no suggested edit may lead to. A board's own limits count
    only if the budget is capped by them: `budget.capped(board)`.
    """
    violations = find_violations(architecture, space, task, budget, excluded=excluded)
    return Assessment(report(architecture, task), violations)
