"""Targeted suggestions for the designer, each derived from a figure of the front or of the rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nas.cost import Budget
from nas.search.niches import Niche
from nas.search.pareto import Trends
from nas.search.trial import Trial

_NARROW_SHARE = 0.75  # a front whose members all use one value this often has stopped exploring that field


def suggest(
    trends: Trends | None, rejected: Sequence[Trial], budget: Budget, niche: Niche | None = None
) -> tuple[str, ...]:
    """At most four sentences: the least explored MACs, the latest `rejected`, the front's averages, unused values."""
    found: list[str] = []
    if niche is not None:
        found.append(f"Few networks of {niche} were tried: aim there.")
    causes = Counter(violation.constraint for trial in rejected for violation in trial.violations)
    if causes:
        cause, count = causes.most_common(1)[0]
        found.append(f"Of the last {len(rejected)} rejected, {count} broke the {cause} limit.")
    if trends is None:
        return tuple(found)
    middle = (budget.macs_min + budget.macs_max) / 2
    mean = trends.macs[2]
    if mean > middle:
        found.append(f"MACs average {mean / 1e6:.2f}M: try narrower early stages or stride 2 earlier.")
    else:
        found.append(f"MACs average {mean / 1e6:.2f}M of {budget.macs_max / 1e6:g}M: there is room for wider stages.")
    for field, counts in trends.field_values:
        total = sum(count for _, count in counts)
        if total and counts[0][1] / total >= _NARROW_SHARE and field in ("block", "kernel_size", "activation"):
            found.append(f"{counts[0][0]} is the {field} of {counts[0][1]} of {total} stages: try another.")
            break
    return tuple(found)
