"""What was measured on a candidate and how near it is to its limits: in sentences."""

from __future__ import annotations

from nas.errors import ProposalError
from nas.explanation.comparisons import describe_certainty
from nas.explanation.counterfactuals import describe_briefly, find_nearest_effects
from nas.explanation.facts import END_NAMES
from nas.explanation.limits import list_limits
from nas.plain_text import plain
from nas.quantities import (
    format_accuracy,
    format_kib,
    format_macs,
    format_phase,
    format_place,
    format_points,
)
from nas.records.run_records import RunRecords
from nas.space.search_space import format_choice
from nas.statistics import describe_interval, wilson_interval


def describe_accuracy(records: RunRecords, candidate_id: str) -> str:
    """What accuracy was measured, on how many images, after which training, and how certain it is."""
    trial = records.find(candidate_id)
    if trial.validation_accuracy is None:
        return f"{trial.id} has no accuracy: it is {END_NAMES[trial.state]}: {plain(trial.reason)}"
    accuracy, count = trial.validation_accuracy, records.num_images.get("validation")
    lines = [
        f"{trial.id}: {format_accuracy(accuracy)} validation accuracy after {len(trial.curve)} epochs of the "
        f"mini-phase ({trial.seconds:.0f} s)."
    ]
    if count:
        lines.append(
            f"It was measured on {count:,} validation images, held out of training: one image is "
            f"{100 / count:.2f} points, the {describe_interval(wilson_interval(accuracy, count))}."
        )
    best = records.trained[0] if records.trained else trial
    if best.id != trial.id:
        behind = format_points(accuracy - (best.validation_accuracy or 0.0))
        lines.append(f"The most accurate candidate is {best.id}: {trial.id} stands {behind} against it.")
    elif len(records.trained) > 1:
        lines.append(describe_certainty(records, trial, records.trained[1], f"its lead over {records.trained[1].id}"))
    lines.append("Each network was trained once, with one seed: how much another seed would change is not on record.")
    outcome = records.outcome(trial.id)
    for phase, name in ((outcome.full, "full training"), (outcome.distill, "distillation")):
        if phase is not None:
            lines.append(f"After {name}: {plain(format_phase(phase))} validation accuracy.")
    if outcome.metrics is not None:
        lines.append(describe_delivery(records, trial.id).splitlines()[1])
    return "\n".join(lines)


def describe_delivery(records: RunRecords, candidate_id: str) -> str:
    """What was delivered: test accuracies, sizes and the arena; says so where nothing was."""
    metrics = records.outcome(candidate_id).metrics
    if metrics is None:
        records.find(candidate_id)
        delivered = ", ".join(records.delivered) or "none"
        return (
            f"{candidate_id} was not delivered; delivered: {delivered}. Only what is delivered is run on test images."
        )
    images = metrics.num_test_images
    return "\n".join(
        [
            f"{candidate_id} was delivered for {metrics.board} with the weights of the "
            f"{metrics.training.weights_of_phase} phase.",
            f"Test accuracy on {images:,} images: {format_accuracy(metrics.float_test_accuracy)} float, "
            f"{format_accuracy(metrics.int8_test_accuracy)} int8 in TFLM "
            f"({describe_interval(wilson_interval(metrics.int8_test_accuracy, images))}); both agree on "
            f"{format_accuracy(metrics.agreement)} of the images.",
            f"model.tflite has {format_kib(metrics.tflite_bytes)} ({metrics.tflite_bytes:,} bytes), with the "
            f"runtime's code {format_kib(metrics.flash_bytes)} of flash. The arena needs "
            f"{format_kib(metrics.estimated_arena_bytes)} on the 32-bit MCU (estimated); measured on the 64-bit "
            f"host: {format_kib(metrics.measured_arena_bytes)}.",
        ]
    )


def describe_one_stage(records: RunRecords, candidate_id: str, number: int) -> str:
    """A stage's fields, its share of the costs and its part in the memory peak."""
    architecture, costs = records.architecture(candidate_id), records.costs(candidate_id)
    count = len(architecture.stages)
    if not 1 <= number <= count:
        raise ProposalError(f"stage must be 1 to {count}; got {number}")
    stage, share = architecture.stages[number - 1], next(s for s in costs.stages() if s.stage == number)
    fields = ", ".join(f"{name} {format_choice(value)}" for name, value in stage.to_dict().items() if value is not None)
    holds = "the memory peak is here" if share.holds_peak else f"the memory peak is in {format_place(costs.peak.stage)}"
    return (
        f"{candidate_id} stage {number} of {count}: {fields}.\nIt takes {format_macs(share.macs)} of "
        f"{format_macs(costs.price.macs)} ({share.macs_share:.0%}) and {share.params:,} of {costs.price.params:,} "
        f"parameters ({share.params_share:.0%}); at most {format_kib(share.live_bytes)} are alive at one of its "
        f"operators, and {holds}.\n{_describe_alternatives(records, candidate_id, number)}"
    )


def _describe_alternatives(records: RunRecords, candidate_id: str, number: int) -> str:
    effects = find_nearest_effects(records, records.find(candidate_id), number)
    lines = [
        f"- {effect.describe_edits()}: {effect.describe_change()}; {describe_briefly(effect)}." for effect in effects
    ]
    return "\n".join(["What one other choice in it would do:", *lines])


def describe_limits(records: RunRecords, candidate_id: str) -> str:
    """Every limit, how much of it a candidate uses, and which one binds."""
    uses = list_limits(records.costs(candidate_id).price, records.budget)
    lowest = f"MACs must be at least {records.budget.macs_min / 1e6:.2f} M."
    lines = [f"{candidate_id}: the tightest limit is {uses[0].sentence()}."]
    return "\n".join([*lines, *(f"Next: {use.sentence()}." for use in uses[1:]), lowest])
