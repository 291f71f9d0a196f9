"""What an architecture costs: the bare figures for the search (`price`), the full account for people (`report`)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from nas.cost.flash import flash_bytes, tflite_bytes
from nas.cost.memory import Buffer, MemoryPlan, place_buffers, plan_memory
from nas.cost.operators import OperatorList, Place, align, lower
from nas.cost.stage_costs import join_costs, network_costs, string_buffers
from nas.cost.startup_memory import smallest_arena
from nas.cost.tail import HOST, MCU, tail_bytes
from nas.space.architecture import Architecture, Task

ENGINE = "tflm"


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run records of an architecture's price: counts, and bytes as `Price` defines them."""

    macs: int
    params: int
    head_bytes: int
    tail_bytes: int
    arena_bytes: int
    host_arena_bytes: int
    tflite_bytes: int
    flash_bytes: int


@dataclass(frozen=True, slots=True)
class Price:
    """The costs of an architecture. Head and tail are the two parts of TFLM's arena; the head is the same everywhere.

    `macs` counts multiply-accumulates of convolutions and linear layers; `params` those of the float network.
    `arena_bytes` is the smallest arena that starts on the MCU: `total_bytes`, or more for a tiny head (see
    startup_memory.py); `host_arena_bytes` likewise on a 64-bit host.
    """

    macs: int
    params: int
    head_bytes: int
    tail_bytes: int
    host_tail_bytes: int
    arena_bytes: int
    host_arena_bytes: int
    tflite_bytes: int

    @property
    def total_bytes(self) -> int:
        """Peak SRAM: the whole arena on the 32-bit MCU."""
        return self.head_bytes + self.tail_bytes

    @property
    def host_total_bytes(self) -> int:
        """The same arena on a 64-bit host, as the Python TFLM runtime records it."""
        return self.head_bytes + self.host_tail_bytes

    @property
    def flash_bytes(self) -> int:
        """The model file and the runtime's code."""
        return flash_bytes(self.tflite_bytes)

    @property
    def costs(self) -> Costs:
        """What a trial keeps of the price."""
        return Costs(**{field.name: getattr(self, field.name) for field in fields(Costs)})


def price(architecture: Architecture, task: Task) -> Price:
    """The costs of an architecture, without a report: the way for searches (some thousands per second)."""
    costs = join_costs(network_costs(architecture, task))
    sizes, firsts, lasts = string_buffers(costs.blocks, align(task.height * task.width * task.channels))
    head = max(map(int.__add__, place_buffers(sizes, firsts, lasts), sizes))
    tail, host_tail = tail_bytes(costs.tail, MCU), tail_bytes(costs.tail, HOST)
    return Price(
        macs=costs.macs,
        params=costs.params,
        head_bytes=head,
        tail_bytes=tail,
        host_tail_bytes=host_tail,
        arena_bytes=smallest_arena(head, tail, costs.tail, MCU),
        host_arena_bytes=smallest_arena(head, host_tail, costs.tail, HOST),
        tflite_bytes=tflite_bytes(costs.file_bytes),
    )


@dataclass(frozen=True, slots=True)
class Peak:
    """The operator that causes the arena's head, and what is alive while it runs (scratch buffers included)."""

    operator: int
    op: str
    name: str
    stage: Place
    live_bytes: int
    live_tensors: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class StageShare:
    """One stage's part of the whole. `live_bytes` is the most that is alive at any of its operators."""

    stage: Place
    num_operators: int
    macs: int
    macs_share: float
    params: int
    params_share: float
    live_bytes: int
    holds_peak: bool


@dataclass(frozen=True)
class CostReport:
    """Everything about the costs of one architecture. `live_bytes[i]`: arena bytes alive while operator i runs."""

    price: Price
    operator_list: OperatorList
    plan: MemoryPlan

    @cached_property
    def live_bytes(self) -> tuple[int, ...]:
        """The memory profile over the operators."""
        return self.plan.live_bytes()

    @cached_property
    def peak(self) -> Peak:
        """Where the head comes from."""
        index = self.plan.peak_operator()
        operator = self.operator_list.operators[index]
        return Peak(index, operator.op, operator.name, operator.stage, self.live_bytes[index], self.plan.live(index))

    def stages(self) -> tuple[StageShare, ...]:
        """Stem, stages and classifier with their shares, in execution order."""
        operators = self.operator_list.operators
        places = list(dict.fromkeys(operator.stage for operator in operators))
        return tuple(self._share(place) for place in places)

    def _share(self, place: Place) -> StageShare:
        own = [operator for operator in self.operator_list.operators if operator.stage == place]
        macs, params = sum(operator.macs for operator in own), sum(operator.params for operator in own)
        return StageShare(
            stage=place,
            num_operators=len(own),
            macs=macs,
            macs_share=macs / self.price.macs,
            params=params,
            params_share=params / self.price.params,
            live_bytes=max(self.live_bytes[operator.index] for operator in own),
            holds_peak=self.peak.stage == place,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of `estimate --json`, without the verdict."""
        return {
            "macs": self.price.macs,
            "params": self.price.params,
            "peak_sram": {
                "head_bytes": self.price.head_bytes,
                "tail_bytes": self.price.tail_bytes,
                "total_bytes": self.price.total_bytes,
                "host_total_bytes": self.price.host_total_bytes,
                "arena_bytes": self.price.arena_bytes,
                "host_arena_bytes": self.price.host_arena_bytes,
                "engine": ENGINE,
            },
            "flash_bytes": self.price.flash_bytes,
            "tflite_bytes": self.price.tflite_bytes,
            "operators": [
                {
                    "index": operator.index,
                    "op": operator.op,
                    "stage": operator.stage,
                    "block": operator.block,
                    "macs": operator.macs,
                    "params": operator.params,
                    "output_shape": list(operator.output_shape),
                    "live_bytes": self.live_bytes[operator.index],
                }
                for operator in self.operator_list.operators
            ],
        }


def report(architecture: Architecture, task: Task) -> CostReport:
    """The full account of what an architecture costs."""
    operator_list = lower(architecture, task)
    return CostReport(price(architecture, task), operator_list, plan_memory(operator_list))
