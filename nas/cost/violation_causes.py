"""What causes a broken limit: the operator at the memory peak, or the stages that cost most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nas.cost.legality import Constraint
from nas.cost.operators import Place
from nas.cost.price import CostReport
from nas.documents.json_records import JSON_NAME, RecordError, read_record, write_record
from nas.quantities import format_place

SHOWN_STAGES = 3
SHOWN_TENSORS = 4


@dataclass(frozen=True, slots=True)
class LiveTensor:
    """A tensor in the arena while an operator runs."""

    name: str
    shape: tuple[int, ...]
    num_bytes: int = field(metadata={JSON_NAME: "bytes"})


@dataclass(frozen=True, slots=True)
class PeakCause:
    """Why an arena is large: the operator at the peak with its stage, live bytes and live tensors; the arena's parts.

    `planning_bytes`: what startup needs beyond head and tail, see startup_memory.py.
    """

    operator: int
    op: str
    name: str
    stage: Place
    live_bytes: int
    live_tensors: tuple[LiveTensor, ...]
    head_bytes: int
    tail_bytes: int
    planning_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return write_record(self)

    def sentence(self) -> str:
        """Where the peak is, and what lies in the arena there."""
        tensors = self.live_tensors[:SHOWN_TENSORS]
        listed = ", ".join(f"{tensor.name} {tensor.num_bytes:,}" for tensor in tensors)
        more = len(self.live_tensors) - len(tensors)
        rest = f" and {more} smaller ones" if more else ""
        planning = f", and {self.planning_bytes:,} more for a moment at start" if self.planning_bytes else ""
        return (
            f"The peak is operator {self.operator} ({self.op}, {self.name}) in {format_place(self.stage)}, where "
            f"{self.live_bytes:,} bytes are alive: {listed}{rest}. TFLM's plan puts them in {self.head_bytes:,} bytes "
            f"and adds {self.tail_bytes:,} of its own{planning}."
        )


@dataclass(frozen=True, slots=True)
class CostlyStage:
    """A stage with its MACs or its weight bytes, and their share of the whole network's."""

    stage: Place
    amount: int
    share: float


@dataclass(frozen=True, slots=True)
class StagesCause:
    """Why MACs are too many or too few, or a file too large: the stages that cost most, the costliest first."""

    unit: Literal["macs", "weight_bytes"]
    stages: tuple[CostlyStage, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; an amount's key is its unit."""
        entries = [{"stage": one.stage, self.unit: one.amount, "share": one.share} for one in self.stages]
        return {"stage": self.stages[0].stage, "stages": entries}

    def sentence(self) -> str:
        """Which stages these are."""
        return f"Most of it: {', '.join(f'{format_place(one.stage)} {one.share:.0%}' for one in self.stages)}."


Cause = PeakCause | StagesCause


def find_cause(account: CostReport, constraint: Constraint) -> Cause:
    """The cause of the costs that a constraint bounds."""
    if constraint == "peak_sram":
        peak, priced = account.peak, account.price
        return PeakCause(
            operator=peak.operator,
            op=peak.op,
            name=peak.name,
            stage=peak.stage,
            live_bytes=peak.live_bytes,
            live_tensors=tuple(LiveTensor(one.name, one.shape, one.num_bytes) for one in peak.live_tensors),
            head_bytes=priced.head_bytes,
            tail_bytes=priced.tail_bytes,
            planning_bytes=priced.arena_bytes - priced.total_bytes,
        )
    totals: Counter[Place] = Counter()
    for operator in account.operator_list.operators:
        totals[operator.stage] += operator.macs if constraint == "macs" else operator.weights
    whole = totals.total()
    most = sorted(totals.items(), key=lambda item: -item[1])[:SHOWN_STAGES]
    stages = tuple(CostlyStage(place, amount, round(amount / whole, 4)) for place, amount in most)
    return StagesCause("macs" if constraint == "macs" else "weight_bytes", stages)


def read_cause(data: object, constraint: Constraint) -> Cause:
    """The cause that `to_dict` wrote; raises RecordError for anything else."""
    if constraint == "peak_sram":
        return read_record(PeakCause, data, "cause")
    unit: Literal["macs", "weight_bytes"] = "macs" if constraint == "macs" else "weight_bytes"
    entries = data.get("stages") if isinstance(data, Mapping) else None
    if not isinstance(entries, list | tuple) or not entries or not all(isinstance(one, Mapping) for one in entries):
        raise RecordError("cause.stages", f"must be a list of stages; got {str(entries)[:60]}")
    renamed = [{**one, "amount": one.get(unit)} for one in entries]
    return StagesCause(unit, tuple(read_record(CostlyStage, one, "cause.stages") for one in renamed))
