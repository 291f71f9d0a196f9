"""`boards`: the known microcontroller boards."""

from __future__ import annotations

from dataclasses import asdict

from agent.terminal.output import JsonOption, QuietOption, print_json, result_console


def boards(json: JsonOption = False, quiet: QuietOption = False) -> None:
    """List the known boards with their limits and where the numbers come from."""
    from rich.table import Table

    from nas.cost.board import load_boards
    from nas.quantities import KIB

    known = load_boards()
    if json:
        print_json([asdict(board) for board in known.values()])
        return
    table = Table(caption="SRAM = largest contiguous bank, the most an arena can take; KiB = 1024 bytes")
    for name in ("board", "core", "clock MHz", "SRAM KiB", "flash KiB"):
        table.add_column(name, justify="right" if name.endswith(("MHz", "KiB")) else "left")
    for board in known.values():
        sram, flash = f"{board.sram_bytes / KIB:g}", f"{board.flash_bytes / KIB:g}"
        table.add_row(board.name, board.core, f"{board.clock_mhz:g}", sram, flash)
    if not quiet:
        console = result_console()
        console.print(table)
        for board in known.values():
            console.print(f"{board.name}: {board.source}")
