"""Which changes of a candidate say most about it, and what each would have done."""

from __future__ import annotations

from nas.explanation.effects import Effect, find_effect
from nas.quantities import CONSTRAINT_NAMES, format_accuracy
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.search_space import Edit, SchemaError

NUM_COUNTERFACTUALS = 8


def find_counterfactuals(records: RunRecords, trial: Trial) -> list[Effect]:
    """At most NUM_COUNTERFACTUALS single edits that say most: per field the one that moves memory and MACs most.

    Only fields of the paper's explanations and of size are considered; edits without effect are left out.
    """
    if trial.architecture is None:
        return []
    best: dict[str, Effect] = {}
    for edit in records.space.single_edits(trial.architecture):
        effect = _effect_of(records, trial, edit)
        if effect is not None and (edit.field not in best or _weight(effect) > _weight(best[edit.field])):
            best[edit.field] = effect
    return sorted(best.values(), key=_weight, reverse=True)[:NUM_COUNTERFACTUALS]


def find_nearest_effects(records: RunRecords, trial: Trial, stage: int) -> list[Effect]:
    """Per field of a stage what its next choice would do, the smaller one if there is one; none without effect."""
    if trial.architecture is None:
        return []
    present = trial.architecture.stages[stage - 1]
    nearest: dict[str, Edit] = {}
    for edit in records.space.single_edits(trial.architecture):
        if edit.stage != stage:
            continue
        choices = records.space.choices(edit.field)
        if edit.field not in nearest or choices.index(edit.value) < choices.index(getattr(present, edit.field)):
            nearest[edit.field] = edit  # the choices ascend: the last one below the present value stays
    effects = (_effect_of(records, trial, edit) for edit in nearest.values())
    return [effect for effect in effects if effect is not None]


def describe_briefly(effect: Effect) -> str:
    """The verdict of a counterfactual in a few words, with a trial that tried it."""
    if not effect.violations:
        verdict = "it would keep every limit"
    else:
        broken = " and ".join(CONSTRAINT_NAMES[violation.constraint] for violation in effect.violations)
        verdict = f"it would break the limit of {broken}"
    known = effect.known
    if known is None or effect.is_same_network:
        return verdict
    accuracy = known.validation_accuracy
    tried = f"tried as {known.id}" + (f", {format_accuracy(accuracy)}" if accuracy is not None else f", {known.state}")
    return f"{verdict} ({tried})"


def _effect_of(records: RunRecords, trial: Trial, edit: Edit) -> Effect | None:
    try:
        effect = find_effect(records, trial.id, [edit])
    except SchemaError:
        return None  # a stage would shrink to one pixel
    return None if effect.is_same_network else effect


def _weight(effect: Effect) -> float:
    """How much an edit says: how far it moves MACs and memory, relative to their present values."""
    before, after = effect.price_before, effect.price_after
    return (
        abs(after.macs - before.macs) / before.macs + abs(after.arena_bytes - before.arena_bytes) / before.arena_bytes
    )
