"""Claims about a candidate that the system derives from the records; each sentence is filled in from figures.

They cover what the paper's explanations are about (Fig. 6: kernel sizes, expansion, stride, SE, activations, skips) and
what they leave out: what costs most where, which limit binds, what changed from the parent and what that did, what the
alternatives were, and why this candidate and not its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.cost import CostReport
from nas.explanation.counterfactuals import describe_briefly, find_counterfactuals
from nas.explanation.effects import find_effect
from nas.explanation.limits import list_limits
from nas.quantities import (
    describe_tensors,
    format_accuracy,
    format_kib,
    format_kib_change,
    format_macs,
    format_macs_change,
    format_params_change,
    format_place,
    format_points,
)
from nas.records.explained import Claim
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.statistics import describe_interval, half_width_of_difference, wilson_interval


def derive_claims(records: RunRecords, candidate_id: str) -> tuple[Claim, ...]:
    """Everything the records say for (and against) a candidate, the most telling first; empty if not a network."""
    trial = records.find(candidate_id)
    if trial.architecture is None:
        return ()
    costs = records.costs(candidate_id)
    parts = (
        _claim_choice(records, trial),
        _claim_change(records, trial),
        _claim_limits(records, trial, costs),
        _claim_costs(trial, costs),
        _claim_neighbours(records, trial),
        _claim_training(records, trial),
        _claim_fields(trial, costs),
        _claim_counterfactuals(records, trial),
    )
    return tuple(claim for part in parts for claim in part)


def _claim_choice(records: RunRecords, trial: Trial) -> Iterator[Claim]:
    """Whether it was selected, and against whom."""
    front = records.front
    if trial.state != "trained" or trial.id not in records.is_on_front:
        return
    rank = [member.id for member in front].index(trial.id)
    accuracy = trial.validation_accuracy or 0.0
    if rank == 0:
        sentence = f"{trial.id} has the best validation accuracy of the front, {format_accuracy(accuracy)}"
        if len(front) > 1:
            second = front[1]
            ahead = format_points(accuracy - (second.validation_accuracy or 0.0))
            sentence += f", {ahead} against the next, {second.id}; the selection takes the most accurate"
        yield Claim("choice", trial.id, "validation_accuracy", accuracy, sentence + ".")
    else:
        best = front[0]
        behind = format_points(accuracy - (best.validation_accuracy or 0.0))
        sentence = (
            f"{trial.id} is number {rank + 1} of {len(front)} on the front by accuracy, {behind} against {best.id}."
        )
        yield Claim("choice", trial.id, "front_rank", rank + 1, sentence)


def _claim_change(records: RunRecords, trial: Trial) -> Iterator[Claim]:
    """What was changed from the parent, and what that did."""
    if trial.parent is None or not trial.edits:
        return
    effect = find_effect(records, trial.parent, trial.edits)
    if not effect.edits:
        return
    sentence = f"Against its parent {trial.parent} it changes {effect.describe_edits()}: {effect.describe_change()}"
    parent = records.find(trial.parent)
    if trial.validation_accuracy is not None and parent.validation_accuracy is not None:
        difference = trial.validation_accuracy - parent.validation_accuracy
        sentence += (
            f"; validation accuracy {format_points(difference)} (then {format_accuracy(trial.validation_accuracy)})"
        )
    change = effect.price_after.macs - effect.price_before.macs
    yield Claim("change", trial.id, "macs_change", change, sentence + ".")


def _claim_limits(records: RunRecords, trial: Trial, costs: CostReport) -> Iterator[Claim]:
    """Which limit is tightest, and how much room the others leave."""
    tightest, *others = list_limits(costs.price, records.budget)
    if tightest.share > 1:
        sentence = f"It breaks a limit: {tightest.sentence()}."
    else:
        sentence = f"The tightest limit is {tightest.sentence()}; next {'; '.join(use.sentence() for use in others)}."
    yield Claim("limit", trial.id, f"{tightest.constraint}_share", round(tightest.share, 4), sentence)


def _claim_costs(trial: Trial, costs: CostReport) -> Iterator[Claim]:
    """Which stages cost most MACs and parameters, and where the memory peak is."""
    shares = costs.stages()
    most = max(shares, key=lambda share: share.macs)
    yield Claim(
        "cost",
        f"{trial.id} {format_place(most.stage)}",
        "macs_share",
        round(most.macs_share, 4),
        f"{format_place(most.stage).capitalize()} costs most of the MACs: {format_macs(most.macs)} of "
        f"{format_macs(costs.price.macs)} ({most.macs_share:.0%}).",
    )
    heaviest = max(shares, key=lambda share: share.params)
    yield Claim(
        "cost",
        f"{trial.id} {format_place(heaviest.stage)}",
        "params_share",
        round(heaviest.params_share, 4),
        f"{format_place(heaviest.stage).capitalize()} holds most of the parameters: {heaviest.params:,} of "
        f"{costs.price.params:,} ({heaviest.params_share:.0%}).",
    )
    peak, price = costs.peak, costs.price
    tensors = describe_tensors((buffer.name, buffer.num_bytes) for buffer in peak.live_tensors[:3])
    yield Claim(
        "memory",
        trial.id,
        "head_bytes",
        price.head_bytes,
        f"The memory peak is in {format_place(peak.stage)}, operator {peak.operator} ({peak.op}): {peak.live_bytes:,} "
        f"bytes are alive there ({tensors}). Activations take {format_kib(price.head_bytes)} of the arena of "
        f"{format_kib(price.arena_bytes)}, the runtime's own structures {format_kib(price.tail_bytes)}.",
    )


def _claim_neighbours(records: RunRecords, trial: Trial) -> Iterator[Claim]:
    """What it trades off against on the front; what dominates it if it is not there."""
    if trial.state != "trained" or trial.costs is None:
        return
    if trial.id in records.is_on_front:
        members = list(records.front)
        place = [member.id for member in members].index(trial.id)
        for other in [*members[max(0, place - 1) : place], *members[place + 1 : place + 2]]:
            yield Claim("front", trial.id, f"against_{other.id}", other.id, f"{_compare(trial, other)}.")
        return
    for other in find_dominators(records, trial)[:1]:
        sentence = f"It is not on the front: {other.id} dominates it. {_compare(trial, other)}."
        yield Claim("front", trial.id, "dominated_by", other.id, sentence)


def find_dominators(records: RunRecords, trial: Trial) -> list[Trial]:
    """Members of the front that are no worse in accuracy, MACs and parameters, and better in one."""
    if trial.costs is None:
        return []
    own = (-(trial.validation_accuracy or 0.0), trial.priced.macs, trial.priced.params)
    found = []
    for other in records.front:
        costs = other.priced
        theirs = (-(other.validation_accuracy or 0.0), costs.macs, costs.params)
        if theirs != own and all(mine >= its for mine, its in zip(own, theirs, strict=True)):
            found.append(other)
    return found


def _compare(trial: Trial, other: Trial) -> str:
    own, theirs = trial.priced, other.priced
    accuracy = (trial.validation_accuracy or 0.0) - (other.validation_accuracy or 0.0)
    return (
        f"Against {other.id} ({format_accuracy(other.validation_accuracy or 0.0)}, {format_macs(theirs.macs)}, "
        f"{theirs.params:,} parameters): {format_points(accuracy)}, "
        f"{format_macs_change(own.macs - theirs.macs)}, {format_params_change(own.params - theirs.params)}, "
        f"{format_kib_change(own.arena_bytes - theirs.arena_bytes, 'peak SRAM')}"
    )


def _claim_training(records: RunRecords, trial: Trial) -> Iterator[Claim]:
    """What training achieved, and how certain that is."""
    if trial.validation_accuracy is None:
        return
    accuracy, count = trial.validation_accuracy, records.num_images.get("validation")
    sentence = f"The mini-phase of {len(trial.curve)} epochs reached {format_accuracy(accuracy)} validation accuracy"
    if count:
        sentence += f" on {count:,} images ({describe_interval(wilson_interval(accuracy, count))})"
        second = next((other for other in records.trained if other.id != trial.id), None)
        if second is not None and records.trained[0].id == trial.id:
            theirs = second.validation_accuracy or 0.0
            half = half_width_of_difference(accuracy, theirs, count)
            is_sure = accuracy - theirs > half
            verdict = "more than chance explains" if is_sure else "within what chance explains"
            sentence += (
                f"; the {100 * (accuracy - theirs):.2f} points ahead of {second.id} are {verdict} (+-{100 * half:.2f})"
            )
    yield Claim("training", trial.id, "validation_accuracy", accuracy, sentence + ".")
    outcome = records.outcome(trial.id)
    reached = [
        f"{name} {format_accuracy(phase.validation_accuracy)}"
        for phase, name in ((outcome.full, "full training"), (outcome.distill, "distillation"))
        if phase is not None and not phase.failure
    ]
    if reached:
        value = outcome.full.validation_accuracy if outcome.full else None
        sentence = f"Validation accuracy after the later phases: {', '.join(reached)}."
        yield Claim("training", trial.id, "full_validation_accuracy", value, sentence)


def _claim_fields(trial: Trial, costs: CostReport) -> Iterator[Claim]:
    """What each stage is, with what it costs: facts for the reasons the paper asks for."""
    if trial.architecture is None:
        return
    shares = {share.stage: share for share in costs.stages()}
    for number, stage in enumerate(trial.architecture.stages, start=1):
        share = shares[number]
        parts = [f"{stage.num_blocks} x {stage.block}", f"kernel {stage.kernel_size}", f"stride {stage.stride}"]
        parts.append(f"{stage.out_channels} channels")
        if stage.block == "MBConv":
            parts.append(f"expansion {stage.expansion}")
        parts.append(f"SE ratio {stage.se_ratio}" if stage.se_ratio else "no SE")
        parts.append(_describe_skip(trial, costs, number))
        parts.append(stage.activation)
        sentence = (
            f"Stage {number} is {', '.join(parts)}; it takes {format_macs(share.macs)} ({share.macs_share:.0%}) and "
            f"{share.params:,} parameters."
        )
        yield Claim("stage", f"{trial.id} stage {number}", "macs", share.macs, sentence)


def _describe_skip(trial: Trial, costs: CostReport, number: int) -> str:
    if trial.architecture is None or not trial.architecture.stages[number - 1].skip:
        return "no skip"
    adds = sum(operator.op == "ADD" and operator.stage == number for operator in costs.operator_list.operators)
    return f"skip in {adds} block{'s' if adds != 1 else ''}" if adds else "a skip that applies nowhere"


def _claim_counterfactuals(records: RunRecords, trial: Trial) -> Iterator[Claim]:
    for effect in find_counterfactuals(records, trial):
        change = f"{effect.describe_edits()} would bring {effect.describe_change()}"
        sentence = f"Counterfactual: {change}; {describe_briefly(effect)}."
        edit = effect.edits[0]
        difference = effect.price_after.macs - effect.price_before.macs
        yield Claim("counterfactual", f"{trial.id} stage {edit.stage}", f"if_{edit.field}", difference, sentence)
