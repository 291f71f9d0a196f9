"""Microcontrollers and their limits, read from `boards.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources

from nas.errors import SettingError
from nas.quantities import KIB

# What firmware needs in RAM besides the arena: 16 KiB of stack and room for the runtime's and its own variables. The
# delivered self-test links with exactly that (nas/export/firmware/templates/sections.ld) plus under 4 KiB.
RUNTIME_RAM_BYTES = 20 * KIB


@dataclass(frozen=True, slots=True)
class Board:
    """An MCU. `sram_bytes` is its largest contiguous bank: a TFLM arena is one block of memory.

    `total_sram_bytes` is all RAM on the chip, `source` the document and section that state the numbers, `note` why the
    largest bank is what it is and what firmware must know. `second_bank_bytes` is another bank that serves for stack
    and variables; 0 = none.
    """

    name: str
    core: str
    clock_mhz: int
    sram_bytes: int
    total_sram_bytes: int
    flash_bytes: int
    source: str
    note: str
    second_bank_bytes: int = 0

    @property
    def arena_bytes(self) -> int:
        """The largest arena: the largest bank, less the runtime's allowance where no other bank can hold it."""
        return self.sram_bytes - (0 if self.second_bank_bytes >= RUNTIME_RAM_BYTES else RUNTIME_RAM_BYTES)


def load_boards() -> dict[str, Board]:
    """Every known board by name, in catalogue order."""
    entries = tomllib.loads(resources.files("nas.cost").joinpath("boards.toml").read_text(encoding="utf-8"))
    return {name: Board(name=name, **entry) for name, entry in entries.items()}


def find_board(name: str) -> Board:
    """The board of that name, in any case; raises SettingError listing the known ones."""
    boards = load_boards()
    board = boards.get(name.lower())
    if board is None:
        raise SettingError(f"board must be one of {', '.join(boards)}; got {name!r}")
    return board
