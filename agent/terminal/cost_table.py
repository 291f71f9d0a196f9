"""The costs of an architecture as a table by stage, for `estimate`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.cost import Budget, CostReport, Violation
from nas.quantities import KIB

_BARS = "▁▂▃▄▅▆▇█"


def print_costs(console: Console, costs: CostReport, violations: Sequence[Violation], budget: Budget) -> None:
    """Print totals against the budget, shares by stage with the peak marked, and what to change."""
    price = costs.price
    totals = Table(show_header=True)
    for name in ("cost", "value", "limit"):
        totals.add_column(name, justify="left" if name == "cost" else "right")
    totals.add_row("MACs", f"{price.macs / 1e6:.2f} M", f"{budget.macs_min / 1e6:g}-{budget.macs_max / 1e6:g} M")
    totals.add_row("parameters", f"{price.params:,}", "")
    sram, flash = budget.peak_sram_bytes / KIB, budget.flash_bytes / KIB
    totals.add_row("peak SRAM (TFLM arena, int8, 32-bit)", f"{price.arena_bytes / KIB:.1f} KiB", f"{sram:g} KiB")
    totals.add_row("  activations (head)", f"{price.head_bytes / KIB:.1f} KiB", "")
    totals.add_row("  runtime structures (tail, predicted)", f"{price.tail_bytes / KIB:.1f} KiB", "")
    totals.add_row("flash (model + runtime code, predicted)", f"{price.flash_bytes / KIB:.1f} KiB", f"{flash:g} KiB")
    console.print(totals)
    stages = Table(caption="1 MAC = one multiply-accumulate of a convolution or linear layer")
    for name in ("stage", "MACs", "share", "parameters", "share", "largest live KiB", ""):
        stages.add_column(name, justify="left" if name in ("stage", "") else "right")
    for share in costs.stages():
        mark = "<- peak" if share.holds_peak else ""
        live = f"{share.live_bytes / KIB:.1f}"
        macs, params = (
            (f"{share.macs:,}", f"{share.macs_share:.0%}"),
            (f"{share.params:,}", f"{share.params_share:.0%}"),
        )
        stages.add_row(str(share.stage), *macs, *params, live, mark)
    console.print(stages)
    console.print(Text(f"bytes alive over the {len(costs.live_bytes)} operators, the highest {_kib(costs)}:"))
    console.print(Text(draw_profile(costs.live_bytes, console.width), style="cyan"))
    if not violations:
        console.print(Text("legal: every limit is kept", style="bold green"))
    for violation in violations:
        console.print(Text(f"violates {violation.constraint}: {violation.sentence()}", style="yellow"))


def draw_profile(live_bytes: Sequence[int], width: int) -> str:
    """A bar for every operator, or for the highest of several neighbours where they are more than `width`."""
    group = -(-len(live_bytes) // width)
    peaks = [max(live_bytes[start : start + group]) for start in range(0, len(live_bytes), group)]
    highest = max(peaks)
    return "".join(_BARS[min(len(_BARS) - 1, peak * len(_BARS) // (highest + 1))] for peak in peaks)


def _kib(costs: CostReport) -> str:
    return f"{max(costs.live_bytes) / KIB:.1f} KiB"
