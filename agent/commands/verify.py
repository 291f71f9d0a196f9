"""`verify`: check a delivery folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.terminal.output import JsonOption, QuietOption, print_json, print_line


def verify(
    folder: Annotated[Path, typer.Argument(help="A delivery folder.", metavar="DIR")],
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check a delivery folder: digests, operators, firmware sources, arena and test vectors in TFLM."""
    from nas.export.verification import verify_delivery  # late: the TFLM runtime

    metrics = verify_delivery(folder)
    figures = {"num_files": len(metrics.files), "num_vectors": metrics.num_test_vectors}
    if json:
        print_json({"folder": str(folder), "candidate": metrics.candidate} | figures)
    elif not quiet:
        counts = f"{figures['num_files']} files unaltered, {figures['num_vectors']} test vectors reproduced"
        print_line(f"{folder}: {counts}")
