"""Targeted suggestions for the designer, each derived from a figure of the front or of the rejections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nas.cost import Budget
from nas.pareto import Trends
from nas.trial import Trial

_NARROW_SHARE = 0.75  # a front whose members all use one value this often has stopped exploring that field


def suggest(trends: Trends | None, trials: Sequence[Trial], budget: Budget) -> tuple[str, ...]:
    """At most three sentences: what the averages, the latest rejections and the unused values point to."""
    found: list[str] = []
    recent = [trial for trial in trials if trial.state == "rejected"][-8:]
    causes = Counter(violation["constraint"] for trial in recent for violation in trial.violations)
    if causes:
        cause, count = causes.most_common(1)[0]
        found.append(f"Of the last {len(recent)} rejected, {count} broke the {cause} limit.")
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
    return tuple(found[:3])
