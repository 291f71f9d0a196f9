"""The example of a delivery: its network, limits and provenance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas.export.delivery import Delivery
from nas.export.export_order import ExportLimits
from nas.export.int8_choice import Finetuned, Finetuning
from nas.export.metrics import Provenance
from nas.space.architecture import Architecture, Stage, Task

Deliver = Callable[..., Delivery]

ARCHITECTURE = Architecture(
    (
        Stage("DWSepConv", 16, 3, 1, None, 0, True, "relu6", 1),
        Stage("MBConv", 24, 3, 2, 3, 0.25, False, "swish", 1),
        Stage("MBConv", 32, 5, 2, 3, 0, False, "leaky_relu", 1),
    )
)
TASK = Task(24, 24, 1, 10)
LIMITS = ExportLimits("nrf52840", ram_bytes=262_144, flash_bytes=524_288, peak_sram_bytes=65_536)
PROVENANCE = Provenance("kilosmith run --preset quick", seed=3, recipes={"full": {"epochs": 4}})


def refuse(images: Any) -> Finetuned:
    raise AssertionError("int8 loses less than the threshold: nothing may be fine-tuned")


NO_FINETUNING = Finetuning(0.01, refuse)
