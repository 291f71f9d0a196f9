"""One network in full: its stages with their costs, its memory profile, training curves and explanation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.report.figures import MEGA
from nas.cost import CostReport
from nas.explanation.checking import describe_claim
from nas.explanation.explanation import describe_checks
from nas.explanation.facts import describe_costs, describe_origin, describe_place, describe_stage, describe_state
from nas.export.metrics import DeliveryMetrics
from nas.plain_text import plain
from nas.quantities import KIB, format_accuracy, format_kib, format_phase
from nas.records.explained import Explanation
from nas.records.outcomes import CandidateOutcome
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.architecture import Architecture, plan_blocks
from nas.statistics import wilson_interval

PHASE_NAMES = {"mini": "mini-phase", "full": "full training", "distill": "distillation"}


@dataclass(frozen=True, slots=True)
class StageCosts:
    """A box of the drawing: what it is, the (height, width, channels) it puts out, costs and shares of the whole.

    `macs_m` in millions, shares in percent, `live_kib` the most KiB alive at any of its operators.
    """

    name: str
    design: str
    shape: tuple[int, ...]
    macs_m: float
    macs_percent: float
    params: int
    params_percent: float
    live_kib: float
    holds_peak: bool


@dataclass(frozen=True, slots=True)
class OperatorCosts:
    """An operator of the int8 model, and what is alive in the arena while it runs."""

    index: int
    op: str
    stage: str
    shape: str
    macs: int
    params: int
    live_kib: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a phase; accuracy is validation accuracy in percent. Losses are not comparable across phases."""

    phase: str
    epoch: int
    accuracy_percent: float
    loss: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an explanation with its verdict: "derived" by the system, or the check's verdict on a claim."""

    verdict: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ClassAccuracy:
    """One class of the test split: the shares of right answers, int8's with its 95% interval."""

    name: str
    images: int
    float_accuracy: str
    int8_accuracy: str
    interval: str


@dataclass(frozen=True, slots=True)
class Member:
    """Everything the report shows of one network. `head_kib` is the planned head, `delivery` (name, figure) pairs."""

    id: str
    about: tuple[str, ...]
    stages: tuple[StageCosts, ...]
    operators: tuple[OperatorCosts, ...]
    head_kib: float
    epochs: tuple[Epoch, ...]
    statements: tuple[Statement, ...]
    checked: str
    delivery: tuple[tuple[str, str], ...]
    classes: tuple[ClassAccuracy, ...]


def read_member(records: RunRecords, candidate: str) -> Member:
    """The `Member` of a candidate that was a network."""
    trial, costs = records.find(candidate), records.costs(candidate)
    outcome = records.outcome(candidate)
    explanation = records.explanations.get(candidate)
    about = (describe_origin(trial), describe_state(trial), describe_place(trial, records.front))
    return Member(
        id=candidate,
        about=(" ".join(filter(None, about)), *describe_costs(costs, records.budget)),
        stages=_read_stages(records.architecture(candidate), records, costs),
        operators=_read_operators(costs),
        head_kib=costs.price.head_bytes / KIB,
        epochs=tuple(_read_epochs(trial, outcome)),
        statements=tuple(_read_statements(explanation)) if explanation else (),
        checked=describe_checks(explanation) if explanation else "",
        delivery=tuple(_read_delivery(outcome)),
        classes=tuple(_read_classes(outcome.metrics)),
    )


def _read_stages(architecture: Architecture, records: RunRecords, costs: CostReport) -> tuple[StageCosts, ...]:
    sizes = {
        str(block.stage): (block.out_height, block.out_width, block.out_channels)
        for block in plan_blocks(architecture, records.task)
    }
    last = {str(operator.stage): operator.output_shape for operator in costs.operator_list.operators}
    return tuple(
        StageCosts(
            name=str(share.stage),
            design=describe_stage(architecture, share.stage) if isinstance(share.stage, int) else "fixed",
            shape=sizes.get(str(share.stage), last[str(share.stage)]),
            macs_m=share.macs / MEGA,
            macs_percent=100 * share.macs_share,
            params=share.params,
            params_percent=100 * share.params_share,
            live_kib=share.live_bytes / KIB,
            holds_peak=share.holds_peak,
        )
        for share in costs.stages()
    )


def _read_operators(costs: CostReport) -> tuple[OperatorCosts, ...]:
    return tuple(
        OperatorCosts(
            index=operator.index,
            op=operator.op,
            stage=str(operator.stage),
            shape="x".join(map(str, operator.output_shape)),
            macs=operator.macs,
            params=operator.params,
            live_kib=live / KIB,
        )
        for operator, live in zip(costs.operator_list.operators, costs.live_bytes, strict=True)
    )


def _read_epochs(trial: Trial, outcome: CandidateOutcome) -> Iterator[Epoch]:
    curves = {"mini": trial.curve} | {phase.phase: phase.curve for phase in outcome.phases}
    for phase, name in PHASE_NAMES.items():
        for point in curves.get(phase, ()):
            yield Epoch(name, point.epoch, 100 * point.validation_accuracy, point.loss)


def _read_statements(explanation: Explanation) -> Iterator[Statement]:
    for claim in explanation.checked:
        told = f"{claim.subject} {claim.field}: {claim.note}" if claim.verdict == "dropped" else describe_claim(claim)
        note = f" ({claim.note})" if claim.note and claim.verdict != "dropped" else ""
        yield Statement(claim.verdict, plain(told + note))
    for derived in explanation.selected:
        yield Statement("derived", plain(derived.sentence))


def _read_delivery(outcome: CandidateOutcome) -> Iterator[tuple[str, str]]:
    """The delivered network's figures, each with its unit and where it comes from."""
    for phase in (outcome.full, outcome.distill):
        if phase is not None:
            yield f"validation accuracy, {PHASE_NAMES[phase.phase]}", plain(format_phase(phase))
    metrics = outcome.metrics
    if metrics is None:
        return
    images = f"{metrics.num_test_images:,} test images"
    yield f"test accuracy, float ({images})", format_accuracy(metrics.float_test_accuracy)
    yield f"test accuracy, int8 in TFLM ({images})", format_accuracy(metrics.int8_test_accuracy)
    yield "int8 and float agree on", format_accuracy(metrics.agreement)
    yield "model.tflite", format_kib(metrics.tflite_bytes)
    yield "flash: file and TFLM's code, estimated", format_kib(metrics.flash_bytes)
    yield "arena on the 32-bit MCU, TFLM, estimated", format_kib(metrics.estimated_arena_bytes)
    yield "arena on the 64-bit host, TFLM, measured", format_kib(metrics.measured_arena_bytes)


def _read_classes(metrics: DeliveryMetrics | None) -> Iterator[ClassAccuracy]:
    for row in metrics.per_class if metrics else ():
        yield ClassAccuracy(
            name=plain(row.name),
            images=row.num_images,
            float_accuracy=format_accuracy(row.float_accuracy),
            int8_accuracy=format_accuracy(row.int8_accuracy),
            interval=str(wilson_interval(row.int8_accuracy, row.num_images)),
        )
