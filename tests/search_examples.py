"""A search small enough for tests: three stages, 16x16 digits, and stages that keep every limit."""

from __future__ import annotations

from nas.cost import Budget, CostlyStage, Costs, StagesCause, Violation
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

SPACE = SearchSpace(num_stages=3)
TASK = Task(16, 16, 1, 10)
BUDGET = Budget(macs_min=50_000, macs_max=2_000_000, peak_sram_bytes=65_536, flash_bytes=524_288)


def make_stage(**fields: object) -> dict[str, object]:
    """A cheap stage with some fields changed."""
    stage: dict[str, object] = {
        "block": "DWSepConv",
        "out_channels": 16,
        "kernel_size": 3,
        "stride": 1,
        "expansion": 3,
        "se_ratio": 0,
        "skip": False,
        "activation": "relu6",
        "num_blocks": 1,
    }
    return stage | fields


def make_costs(macs: int, params: int) -> Costs:
    """Costs where only these two matter."""
    return Costs(macs, params, 64, 36, 100, 120, 1_000, 2_000)


def make_stages(first: dict[str, object] | None = None) -> list[dict[str, object]]:
    """Three stages that keep every limit of BUDGET at TASK."""
    return [make_stage(**(first or {})), make_stage(stride=2, out_channels=24), make_stage(out_channels=32)]


def make_violation(value: int, limit: int) -> Violation:
    """A broken limit of MACs, all of them in stage 1, without a cure."""
    return Violation("macs", value, limit, "MACs", StagesCause("macs", (CostlyStage(1, value, 1.0),)), ())
