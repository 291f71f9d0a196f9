"""Violated limits as data for programs and as sentences for the LLM: value, limit, cause and cheapest edits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from nas.cost.budget import Budget
from nas.cost.cheapest_edits import EditSuggestion, find_edits
from nas.cost.legality import UNITS, Constraint, broken_limits, constrained_value
from nas.cost.operators import Place
from nas.cost.price import CostReport, report
from nas.quantities import describe_tensors, format_place, format_quantity
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace

SHOWN_STAGES = 3
SHOWN_TENSORS = 4


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit.

    `cause` holds, for peak SRAM, the operator at the peak with its stage, live bytes and live tensors, and the arena's
    parts (`planning_bytes`: what starting takes beyond head and tail, see startup.py); for MACs and flash the stages
    that cost most. Each of `cheapest_edits` keeps all limits; `searched`: whether any were sought.
    """

    constraint: Constraint
    value: int
    limit: int
    unit: str
    cause: dict[str, Any]
    cheapest_edits: tuple[EditSuggestion, ...]
    searched: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The entry of `violations` in `estimate --json`."""
        return {
            "constraint": self.constraint,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "cause": self.cause,
            "cheapest_edits": [edit.to_dict(self.constraint) for edit in self.cheapest_edits],
        }

    def sentence(self, *, with_edits: bool = True) -> str:
        """What is wrong, why, and (unless told otherwise) what would cure it, in plain English."""
        return f"{self._verdict()} {self._explain()}{self._advise() if with_edits else ''}"

    def _verdict(self) -> str:
        side = "below the minimum" if self.value < self.limit else "above the limit"
        value, limit = format_quantity(self.constraint, self.value), format_quantity(self.constraint, self.limit)
        if self.constraint == "macs":
            return f"MACs are {value}, {side} of {limit}."
        name = "Peak SRAM" if self.constraint == "peak_sram" else "Flash"
        return f"{name} is {value} ({self.value:,} bytes), {side} of {limit} ({self.limit:,})."

    def _explain(self) -> str:
        if self.constraint != "peak_sram":
            shares = ", ".join(f"{format_place(entry['stage'])} {entry['share']:.0%}" for entry in self.cause["stages"])
            return f"Most of it: {shares}."
        head, tail = self.cause["head_bytes"], self.cause["tail_bytes"]
        tensors = self.cause["live_tensors"][:SHOWN_TENSORS]
        listed = describe_tensors((tensor["name"], tensor["bytes"]) for tensor in tensors)
        more = len(self.cause["live_tensors"]) - len(tensors)
        rest = f" and {more} smaller ones" if more else ""
        extra = self.cause["planning_bytes"]
        planning = f", and {extra:,} more for a moment at start" if extra else ""
        return (
            f"The peak is operator {self.cause['operator']} ({self.cause['op']}, {self.cause['name']}) in "
            f"{format_place(self.cause['stage'])}, where {self.cause['live_bytes']:,} bytes are alive: {listed}{rest}. "
            f"TFLM's plan puts them in {head:,} bytes and adds {tail:,} of its own{planning}."
        )

    def _advise(self) -> str:
        if not self.searched:
            return ""
        if not self.cheapest_edits:
            return " No edit of one or two fields was found that keeps all limits: change more."
        options = "; or ".join(
            " and ".join(map(str, edit.changes))
            + f" (then {format_quantity(self.constraint, constrained_value(edit.price, self.constraint))})"
            for edit in self.cheapest_edits
        )
        return f" Cheapest edits that keep all limits: {options}."


def find_violations(
    architecture: Architecture,
    space: SearchSpace,
    task: Task,
    budget: Budget,
    *,
    with_edits: bool = True,
    excluded: Container[str] = frozenset(),
) -> tuple[Violation, ...]:
    """Every broken limit of an architecture that keeps the schema: MACs, peak SRAM, flash, in this order.

    `excluded` holds fingerprints of known candidates, which no edit may lead to.
    """
    account = report(architecture, task)
    broken = broken_limits(account.price, budget)
    edits: tuple[EditSuggestion, ...] = ()
    if broken and with_edits:
        edits = find_edits(architecture, space, task, budget, excluded=excluded)
    return tuple(
        Violation(
            constraint=constraint,
            value=constrained_value(account.price, constraint),
            limit=limit,
            unit=UNITS[constraint],
            cause=_find_cause(account, constraint),
            cheapest_edits=edits,
            searched=with_edits,
        )
        for constraint, limit in broken
    )


def _find_cause(account: CostReport, constraint: Constraint) -> dict[str, Any]:
    if constraint == "peak_sram":
        priced = account.price
        return account.peak.to_dict() | {
            "head_bytes": priced.head_bytes,
            "tail_bytes": priced.tail_bytes,
            "planning_bytes": priced.arena_bytes - priced.total_bytes,
        }
    totals: Counter[Place] = Counter()
    for operator in account.operator_list.operators:
        totals[operator.stage] += operator.macs if constraint == "macs" else operator.weights
    whole = totals.total()
    most = sorted(totals.items(), key=lambda item: -item[1])[:SHOWN_STAGES]
    unit = "macs" if constraint == "macs" else "weight_bytes"
    return {
        "stage": most[0][0],
        "stages": [{"stage": place, unit: amount, "share": round(amount / whole, 4)} for place, amount in most],
    }
