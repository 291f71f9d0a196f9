"""Which limits a price breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from nas.cost.budget import Budget
from nas.cost.price import Price

Constraint: TypeAlias = Literal["macs", "peak_sram", "flash"]

UNITS: dict[Constraint, str] = {"macs": "MACs", "peak_sram": "bytes", "flash": "bytes"}


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """A constraint that does not hold: its figure and the limit, with the unit of both ("MACs" or "bytes")."""

    constraint: Constraint
    value: int
    limit: int
    unit: str


def constrained_value(price: Price, constraint: Constraint) -> int:
    """The figure a constraint bounds."""
    match constraint:
        case "macs":
            return price.macs
        case "peak_sram":
            return price.arena_bytes
        case "flash":
            return price.flash_bytes


def broken_limits(price: Price, budget: Budget) -> tuple[tuple[Constraint, int], ...]:
    """Every broken constraint with the limit it breaks: MACs (unless soft), peak SRAM, flash, in this order."""
    broken: list[tuple[Constraint, int]] = []
    if not budget.macs_soft:
        if price.macs < budget.macs_min:
            broken.append(("macs", budget.macs_min))
        elif price.macs > budget.macs_max:
            broken.append(("macs", budget.macs_max))
    if price.arena_bytes > budget.peak_sram_bytes:
        broken.append(("peak_sram", budget.peak_sram_bytes))
    if price.flash_bytes > budget.flash_bytes:
        broken.append(("flash", budget.flash_bytes))
    return tuple(broken)


def is_legal(price: Price, budget: Budget) -> bool:
    """Whether a price keeps every limit of the budget (the schema's one-pixel rule is the search space's to check)."""
    return not broken_limits(price, budget)
