"""How near a network is to each limit, and which one binds."""

from __future__ import annotations

from dataclasses import dataclass

from nas.cost import Budget, Constraint, Price
from nas.quantities import CONSTRAINT_NAMES, format_kib, format_macs


@dataclass(frozen=True, slots=True)
class LimitUse:
    """An upper limit and how much of it is used; `share` is value / limit."""

    constraint: Constraint
    value: int
    limit: int

    @property
    def share(self) -> float:
        """1.0 is the limit itself."""
        return self.value / self.limit

    @property
    def name(self) -> str:
        """`peak SRAM`."""
        return CONSTRAINT_NAMES[self.constraint]

    def spell(self, amount: int) -> str:
        """An amount in the constraint's unit."""
        return format_macs(amount).removesuffix(" MACs") if self.constraint == "macs" else format_kib(amount)

    def sentence(self) -> str:
        """`peak SRAM 46.0 KiB of 48.0 KiB (96%), 2.0 KiB left`."""
        rest = self.limit - self.value
        room = f"{self.spell(rest)} left" if rest >= 0 else f"{self.spell(-rest)} too much"
        return f"{self.name} {self.spell(self.value)} of {self.spell(self.limit)} ({self.share:.0%}), {room}"


def list_limits(price: Price, budget: Budget) -> tuple[LimitUse, ...]:
    """Every upper limit with its use, the tightest first."""
    uses = (
        LimitUse("macs", price.macs, budget.macs_max),
        LimitUse("peak_sram", price.arena_bytes, budget.peak_sram_bytes),
        LimitUse("flash", price.flash_bytes, budget.flash_bytes),
    )
    return tuple(sorted(uses, key=lambda use: -use.share))
