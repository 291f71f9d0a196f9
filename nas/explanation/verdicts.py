"""Why a candidate is what it is, how a proposal ended, and what a change of it would do: in sentences."""

from __future__ import annotations

from nas.explanation.claims import derive_claims, find_dominators
from nas.explanation.effects import Effect
from nas.explanation.facts import END_NAMES, describe_origin, describe_place, describe_selection, describe_stage
from nas.plain_text import plain
from nas.quantities import (
    format_accuracy,
    format_macs,
    format_points,
)
from nas.records.explained import Claim
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.search_space import format_choice

_TOPICS_OF_SUMMARY = ("choice", "change", "limit", "cost", "memory", "front", "training")


def explain_briefly(records: RunRecords, candidate_id: str) -> str:
    """Where a candidate comes from, how it ended, and the claims that say most, a line each."""
    trial = records.find(candidate_id)
    if trial.architecture is None:
        return describe_verdict(records, candidate_id)
    claims = [claim for claim in derive_claims(records, candidate_id) if claim.topic in _TOPICS_OF_SUMMARY]
    stages = "; ".join(
        f"stage {number}: {describe_stage(trial.architecture, number)}"
        for number in range(1, len(trial.architecture.stages) + 1)
    )
    head = [f"{describe_origin(trial)} {_describe_end(records, trial)} {describe_place(trial, records.front)}".strip()]
    return "\n".join([*head, f"It is: {stages}.", *(f"- {claim.sentence}" for claim in claims)])


def _describe_end(records: RunRecords, trial: Trial) -> str:
    if trial.validation_accuracy is not None:
        reached = format_accuracy(trial.validation_accuracy)
        told = f"It was trained for {len(trial.curve)} epochs and reached {reached} validation accuracy."
        return f"{told} {describe_selection(trial, records.winners)}".rstrip()
    return f"It is {END_NAMES[trial.state]}: {plain(trial.reason)}"


def describe_verdict(records: RunRecords, candidate_id: str) -> str:
    """How a proposal ended and why, where it came from, and what its designer had been told."""
    trial = records.find(candidate_id)
    lines = [f"{trial.id} is {END_NAMES[trial.state]}." if trial.state == "trained" else _describe_refusal(trial)]
    if trial.validation_accuracy is not None:
        lines[0] = (
            f"{trial.id} was trained and reached {format_accuracy(trial.validation_accuracy)} validation accuracy. "
            f"{_describe_front(records, trial)}"
        )
    lines.append(describe_origin(trial))
    lines += [claim.sentence for claim in _change_of(records, trial)]
    if feedback := records.feedback.get(trial.id):
        told = [f"start from {feedback.parent}"] if feedback.parent else ["design a whole network"]
        told += [f"aim at {feedback.niche}"] if feedback.niche else []
        told += [_first_sentence(plain(rejection)) for rejection in feedback.rejections]
        lines.append(f"Its designer had been told: {'; '.join(told)}.")
    return "\n".join(lines)


def _first_sentence(text: str) -> str:
    """The text up to the end of its first sentence: cut anywhere else, a figure could lose its digits."""
    return text.partition(". ")[0].removesuffix(".")


def _change_of(records: RunRecords, trial: Trial) -> list[Claim]:
    if trial.architecture is None:
        return []
    return [claim for claim in derive_claims(records, trial.id) if claim.topic == "change"]


def _describe_refusal(trial: Trial) -> str:
    return f"{trial.id} is {END_NAMES[trial.state]}: {plain(trial.reason)}"


def _describe_front(records: RunRecords, trial: Trial) -> str:
    if trial.id in records.is_on_front:
        return f"{describe_place(trial, records.front)} {describe_selection(trial, records.winners)}".rstrip()
    dominators = find_dominators(records, trial)
    if not dominators or trial.costs is None:
        return "It is no part of the search's front."
    other = dominators[0]
    costs = other.priced
    theirs, own = format_accuracy(other.validation_accuracy or 0), format_accuracy(trial.validation_accuracy or 0)
    return (
        f"It is not on the Pareto front: {other.id} dominates it, being no worse in accuracy ({theirs} against {own}), "
        f"MACs ({format_macs(costs.macs)} against {format_macs(trial.costs.macs)}) and parameters "
        f"({costs.params:,} against {trial.costs.params:,}), and better in one."
    )


def describe_effect(effect: Effect, records: RunRecords) -> str:
    """What a change would do, whether it is legal, and whether the run tried it."""
    lines = [
        f"In {effect.candidate} stage {edit.stage} {edit.field} is {format_choice(edit.value)} already."
        for edit in effect.unchanged
    ]
    if not effect.edits:
        return "\n".join(lines)
    if effect.is_same_network:
        lines.append(f"{effect.describe_edits()} changes nothing in {effect.candidate}: it is the same network.")
        return "\n".join(lines)
    lines.append(f"{effect.candidate} with {effect.describe_edits()}: {effect.describe_change()}.")
    lines.append(f"Verdict: {effect.describe_verdict(with_edits=True)}{'' if effect.violations else '.'}")
    if effect.known is not None:
        lines.append(_describe_known(effect, records))
    elif records.find(effect.candidate).validation_accuracy is not None:
        lines.append("Its accuracy is not known: the run did not try this network.")
    return "\n".join(lines)


def _describe_known(effect: Effect, records: RunRecords) -> str:
    if effect.known is None:
        return ""
    known = effect.known
    if known.validation_accuracy is None:
        return f"That network was tried as {known.id}: {END_NAMES[known.state]}."
    text = f"That network was tried as {known.id}: {format_accuracy(known.validation_accuracy)} validation accuracy"
    own = records.find(effect.candidate).validation_accuracy
    if own is not None:
        text += f", {format_points(known.validation_accuracy - own)} against {effect.candidate}"
    return text + "."
