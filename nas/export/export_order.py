"""What to export, where to, and the limits it must keep there; what an export returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.cost import Price
from nas.export.metrics import DeliveryMetrics
from nas.space.architecture import Architecture
from nas.training.jobs import TrainedPhase


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """What a delivery must keep: the budget's `flash_bytes` and `peak_sram_bytes`; an arena may lie in `ram_bytes`."""

    board_name: str
    ram_bytes: int
    flash_bytes: int
    peak_sram_bytes: int


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What to export and where to. `estimated` is what the candidate costs by the estimators.

    `explanation` is the text of EXPLANATION.md.
    """

    candidate_id: str
    architecture: Architecture
    limits: ExportLimits
    estimated: Price
    explanation: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Exported:
    """The metrics of a delivery, and the outcome of fine-tuning for int8 if it was tried on the way."""

    metrics: DeliveryMetrics
    finetuning: TrainedPhase | None = None
