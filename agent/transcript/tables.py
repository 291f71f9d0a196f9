"""The tables of a transcript: the front, and what was delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from nas.export.metrics import DeliveryMetrics
from nas.plain_text import plain
from nas.quantities import KIB, format_accuracy, format_phase
from nas.records.outcomes import CandidateOutcome
from nas.search.pareto import FrontMember
from nas.training import TrainedPhase


def build_front_table(front: Sequence[FrontMember]) -> Table:
    """The Pareto front, best accuracy first."""
    table = Table(
        title="Pareto front",
        title_justify="left",
        caption="validation accuracy of the mini-phase; SRAM = estimated TFLM arena, int8, 32-bit MCU",
        caption_justify="left",
    )
    for name, justify in (
        ("candidate", "left"),
        ("accuracy %", "right"),
        ("MACs M", "right"),
        ("parameters", "right"),
        ("peak SRAM KiB", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for member in front:
        table.add_row(
            member.id,
            f"{100 * member.validation_accuracy:.2f}",
            f"{member.macs / 1e6:.2f}",
            f"{member.params:,}",
            f"{member.peak_sram_bytes / KIB:.1f}",
        )
    return table


def format_teacher(distilled: TrainedPhase) -> str:
    """The teacher's validation accuracy, or "none"."""
    accuracy = distilled.teacher_accuracy
    return "none" if accuracy is None else format_accuracy(accuracy)


def build_delivery_table(candidate: str, outcome: CandidateOutcome) -> Table:
    """The delivered network's figures, each with its unit and where it comes from."""
    table = Table(title=f"Delivered {candidate}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in [*_list_phases(outcome), *_list_figures(outcome.metrics)]:
        table.add_row(name, value)
    return table


def _list_phases(outcome: CandidateOutcome) -> Iterator[tuple[str, str]]:
    if outcome.full is not None:
        yield "validation accuracy, full training", plain(format_phase(outcome.full))
    if outcome.distill is not None:
        yield "validation accuracy, distilled", plain(format_phase(outcome.distill))
        yield "teacher's validation accuracy", format_teacher(outcome.distill)


def _list_figures(metrics: DeliveryMetrics | None) -> list[tuple[str, str]]:
    if metrics is None:
        return []
    return [
        ("weights delivered", f"of the {metrics.training.weights_of_phase} phase"),
        ("test accuracy, float", f"{metrics.float_test_accuracy:.2%}"),
        (f"test accuracy, int8 in TFLM ({metrics.num_test_images} images)", f"{metrics.int8_test_accuracy:.2%}"),
        ("int8 and float agree on", f"{metrics.agreement:.2%}"),
        ("MACs", f"{metrics.macs / 1e6:.2f} M"),
        ("model.tflite", f"{metrics.tflite_bytes / KIB:.1f} KiB"),
        ("arena on the 32-bit MCU, estimated", f"{metrics.estimated_arena_bytes / KIB:.1f} KiB"),
        ("arena on this host, measured in TFLM", f"{metrics.measured_arena_bytes / KIB:.1f} KiB"),
    ]
