"""Violated limits as data for programs and as sentences for the LLM: value, limit, cause and cheapest edits."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from nas.cost.budget import Budget
from nas.cost.cheapest_edits import Change, EditSuggestion, find_edits
from nas.cost.legality import UNITS, BrokenLimit, broken_limits, constrained_value
from nas.cost.price import report
from nas.cost.violation_causes import Cause, find_cause, read_cause
from nas.documents.json_records import read_record
from nas.quantities import format_quantity
from nas.space.architecture import Architecture, Task
from nas.space.search_space import Edit, SearchSpace


@dataclass(frozen=True, slots=True)
class Cure:
    """One or two changes to make together, and what the bounded figure then is."""

    changes: tuple[Change, ...]
    value_after: int

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The changes as edits of the search space."""
        return tuple(change.edit for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the first change, `value_after`, and `together_with` a second change if any."""
        entry = self.changes[0].to_dict() | {"value_after": self.value_after}
        if len(self.changes) > 1:
            entry["together_with"] = self.changes[1].to_dict()
        return entry

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cure:
        """The cure that `to_dict` wrote; raises KeyError, TypeError or ValueError for anything else."""
        second = data.get("together_with")
        changes = (Change.from_dict(data), *([Change.from_dict(second)] if second is not None else []))
        return cls(changes, int(data["value_after"]))


@dataclass(frozen=True, slots=True)
class Violation(BrokenLimit):
    """A broken limit with its cause and its cures.

    Each of `cheapest_edits` keeps all limits; `searched`: whether any were sought.
    """

    cause: Cause
    cheapest_edits: tuple[Cure, ...]
    searched: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The entry of `violations` in `estimate --json`."""
        return {
            "constraint": self.constraint,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "cause": self.cause.to_dict(),
            "cheapest_edits": [cure.to_dict() for cure in self.cheapest_edits],
        }

    @classmethod
    def from_dict(cls, data: object) -> Violation:
        """The violation that `to_dict` wrote; raises RecordError, TypeError or ValueError for anything else."""
        broken = read_record(BrokenLimit, data)
        parts = data if isinstance(data, Mapping) else {}
        return cls(
            constraint=broken.constraint,
            value=broken.value,
            limit=broken.limit,
            unit=broken.unit,
            cause=read_cause(parts.get("cause"), broken.constraint),
            cheapest_edits=tuple(Cure.from_dict(one) for one in parts.get("cheapest_edits", ())),
        )

    def sentence(self, *, with_edits: bool = True) -> str:
        """What is wrong, why, and (with `with_edits`) what would cure it, in plain English."""
        return f"{self._verdict()} {self.cause.sentence()}{self._advise() if with_edits else ''}"

    def _verdict(self) -> str:
        side = "below the minimum" if self.value < self.limit else "above the limit"
        value, limit = format_quantity(self.constraint, self.value), format_quantity(self.constraint, self.limit)
        if self.constraint == "macs":
            return f"MACs are {value}, {side} of {limit}."
        name = "Peak SRAM" if self.constraint == "peak_sram" else "Flash"
        return f"{name} is {value} ({self.value:,} bytes), {side} of {limit} ({self.limit:,})."

    def _advise(self) -> str:
        if not self.searched:
            return ""
        if not self.cheapest_edits:
            return " No edit of one or two fields was found that keeps all limits: change more."
        options = "; or ".join(
            f"{' and '.join(map(str, cure.changes))} (then {format_quantity(self.constraint, cure.value_after)})"
            for cure in self.cheapest_edits
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
            cause=find_cause(account, constraint),
            cheapest_edits=tuple(Cure(edit.changes, constrained_value(edit.price, constraint)) for edit in edits),
            searched=with_edits,
        )
        for constraint, limit in broken
    )
