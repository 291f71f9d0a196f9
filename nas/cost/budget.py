"""The limits a run must keep, and how a board caps them."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nas.cost.board import Board


class Budget(BaseModel):
    """Limits, all inclusive. `macs_soft`: MACs guide the search but screen no candidate (the paper's ablation).

    `peak_sram_bytes` bounds the whole TFLM arena on the 32-bit MCU, `flash_bytes` the file with the runtime's code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    macs_min: int = Field(ge=0)
    macs_max: int = Field(gt=0)
    peak_sram_bytes: int = Field(gt=0)
    flash_bytes: int = Field(gt=0)
    macs_soft: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.macs_min > self.macs_max:
            raise ValueError(f"macs_min must not exceed macs_max = {self.macs_max}; got {self.macs_min}")
        return self

    def capped(self, board: Board) -> Budget:
        """The same limits, but none above what the board offers for an arena and a program."""
        return self.model_copy(
            update={
                "peak_sram_bytes": min(self.peak_sram_bytes, board.arena_bytes),
                "flash_bytes": min(self.flash_bytes, board.flash_bytes),
            }
        )
