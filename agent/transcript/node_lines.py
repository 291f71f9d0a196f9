"""The lines printed when a graph's node ends, derived from what it changed in the graph's state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.text import Text

from agent.transcript.tables import format_teacher
from nas.plain_text import plain
from nas.quantities import format_phase
from nas.records.outcomes import read_outcomes


def _describe_select(update: Mapping[str, Any], _seconds: float) -> list[Text]:
    return [Text.assemble("  selected  ", (", ".join(update["winners"]), "bold"), " by validation accuracy")]


def _describe_approve(update: Mapping[str, Any], _seconds: float) -> list[Text]:
    approved = ", ".join(update["approved"])
    return [Text(f"  approved  {approved}" if approved else "  approved  nothing: the run ends without a delivery")]


def _describe_train_fully(update: Mapping[str, Any], seconds: float) -> list[Text]:
    return [
        Text(f"  full      {candidate}: {plain(format_phase(found))} validation ({seconds:.0f} s)")
        for candidate, outcome in read_outcomes(update["outcomes"]).items()
        if (found := outcome.full) is not None
    ]


def _describe_distill(update: Mapping[str, Any], seconds: float) -> list[Text]:
    return [
        Text(
            f"  distilled {candidate}: {plain(format_phase(found))} validation, teacher "
            f"{format_teacher(found)} ({seconds:.0f} s)"
        )
        for candidate, outcome in read_outcomes(update["outcomes"]).items()
        if (found := outcome.distill) is not None
    ]


def _describe_export(update: Mapping[str, Any], seconds: float) -> list[Text]:
    return [
        Text(
            f"  exported  {candidate}: verified in TFLM on {found['metrics']['num_test_images']} test images "
            f"({seconds:.0f} s)"
        )
        for candidate, found in update["outcomes"].items()
    ]


NODES: Mapping[str, Callable[[Mapping[str, Any], float], list[Text]]] = {
    "select": _describe_select,
    "approve": _describe_approve,
    "train_fully": _describe_train_fully,
    "distill": _describe_distill,
    "export": _describe_export,
}
