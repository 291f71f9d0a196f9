"""How figures are written for people: one spelling for explanations, answers and feedback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

KIB = 1024
KB_IN_KIB = 1000 / KIB
CONSTRAINT_NAMES: Mapping[str, str] = {"macs": "MACs", "peak_sram": "peak SRAM", "flash": "flash"}


def format_macs(macs: float) -> str:
    """`3.35 M MACs`."""
    return f"{macs / 1e6:,.2f} M MACs"


def format_kib(num_bytes: float) -> str:
    """`46.0 KiB`."""
    return f"{num_bytes / KIB:,.1f} KiB"


def format_accuracy(fraction: float) -> str:
    """`97.92%`."""
    return f"{100 * fraction:.2f}%"


class PhaseOutcome(Protocol):
    """What a phase reached (fraction), or why it failed, "" if it did not."""

    @property
    def validation_accuracy(self) -> float:
        """Of the final weights."""

    @property
    def failure(self) -> str:
        """Why there are none."""


def format_phase(outcome: PhaseOutcome) -> str:
    """What a later phase reached, `97.92%`, or why it failed."""
    return f"failed ({outcome.failure})" if outcome.failure else format_accuracy(outcome.validation_accuracy)


class ConstraintFigures(Protocol):
    """A limit that was not kept: which ("macs", "peak_sram" or "flash"), and both figures in "MACs" or "bytes"."""

    @property
    def constraint(self) -> str:
        """Its name."""

    @property
    def value(self) -> int:
        """What it is."""

    @property
    def limit(self) -> int:
        """What it may be at most, or must be at least."""

    @property
    def unit(self) -> str:
        """Of both."""


def format_violation(violation: ConstraintFigures) -> str:
    """`peak SRAM 79.4 KiB > 48 KiB`."""
    name, value, limit = CONSTRAINT_NAMES[violation.constraint], violation.value, violation.limit
    sign = ">" if value > limit else "<"
    if violation.unit == "bytes":
        return f"{name} {value / KIB:.1f} KiB {sign} {limit / KIB:g} KiB"
    return f"{name} {value / 1e6:.2f} M {sign} {limit / 1e6:g} M"


def format_quantity(constraint: str, value: float) -> str:
    """A figure that a constraint is about: `12.4 M` (MACs), `310.5 KiB`."""
    if constraint != "macs":
        return format_kib(value)
    return f"{value / 1e6:.3g} M" if value < 1e9 else f"{value / 1e6:,.0f} M"


def format_points(difference: float) -> str:
    """A difference of accuracies: `+0.70 points`."""
    return f"{100 * difference:+.2f} points"


def format_macs_change(difference: int) -> str:
    """`+1.01 M MACs`, or `the same MACs`."""
    if difference == 0:
        return "the same MACs"
    if abs(difference) < 5_000:  # would read 0.00 M
        return f"{difference:+,} MACs"
    return f"{difference / 1e6:+,.2f} M MACs"


def format_kib_change(difference: int, name: str) -> str:
    """`+3.1 KiB of peak SRAM`, or `the same peak SRAM`."""
    if difference == 0:
        return f"the same {name}"
    if abs(difference) < KIB / 20:  # would read 0.0 KiB
        return f"{difference:+,} bytes of {name}"
    return f"{difference / KIB:+,.1f} KiB of {name}"


def format_params_change(difference: int) -> str:
    """`-2,112 parameters`, or `the same parameters`."""
    return f"{difference:+,} parameters" if difference else "the same parameters"


def format_place(place: int | str) -> str:
    """`stage 2`, `the stem`."""
    return f"stage {place}" if isinstance(place, int) or place.isdigit() else f"the {place}"


def describe_tensors(tensors: Iterable[tuple[str, int]], unit: str = "") -> str:
    """Tensors with their bytes: `stage1_block1 6,144, head 96`; `unit` follows every figure."""
    return ", ".join(f"{name} {num_bytes:,}{unit}" for name, num_bytes in tensors)
