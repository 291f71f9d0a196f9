"""What a change of fields does to a network's costs, computed: the answer to "what if" and "why not"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.cost import Price, Violation, find_violations, price
from nas.quantities import (
    format_kib,
    format_kib_change,
    format_macs,
    format_macs_change,
    format_params_change,
    format_place,
)
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.architecture import Architecture
from nas.space.search_space import STAGE_FIELDS, Edit, format_choice


@dataclass(frozen=True, slots=True)
class Effect:
    """Edits of a candidate with the prices before and after, the limits they break, and a trial that is that network.

    `edits` are those that change what is written, `unchanged` are those that asked for the present value.
    """

    candidate: str
    edits: tuple[Edit, ...]
    unchanged: tuple[Edit, ...]
    before: Architecture
    after: Architecture
    price_before: Price
    price_after: Price
    violations: tuple[Violation, ...]
    known: Trial | None

    @property
    def is_same_network(self) -> bool:
        """Whether the edits have no effect at all."""
        return self.known is not None and self.known.id == self.candidate

    def describe_edits(self) -> str:
        """`stage 2 kernel_size 5 -> 3`, of every edit that changes something."""
        return ", ".join(
            f"{format_place(edit.stage)} {edit.field} {format_choice(before)} -> {format_choice(edit.value)}"
            for edit in self.edits
            for before in [getattr(self.before.stages[edit.stage - 1], edit.field)]
        )

    def describe_change(self) -> str:
        """The differences in MACs, parameters and peak SRAM, and the resulting figures."""
        before, after = self.price_before, self.price_after
        return (
            f"{format_macs_change(after.macs - before.macs)} (then {format_macs(after.macs)}), "
            f"{format_params_change(after.params - before.params)} (then {after.params:,}), "
            f"{format_kib_change(after.arena_bytes - before.arena_bytes, 'peak SRAM')} "
            f"(then {format_kib(after.arena_bytes)})"
        )

    def describe_verdict(self, *, with_edits: bool = False) -> str:
        """Whether the changed network keeps the limits, and if not, what it breaks."""
        if not self.violations:
            return "it keeps every limit"
        broken = " ".join(
            violation.sentence(with_edits=with_edits and index == 0) for index, violation in enumerate(self.violations)
        )
        return f"it breaks {len(self.violations)} limit{'s' if len(self.violations) > 1 else ''}: {broken}"


def find_effect(records: RunRecords, candidate_id: str, edits: Sequence[Edit], *, advise: bool = False) -> Effect:
    """The effect of edits on a candidate; raises SchemaError for edits outside the space.

    `advise`: also seek the cheapest edits that would cure what they break.
    """
    before = records.architecture(candidate_id)
    after = records.space.apply(before, edits)
    records.space.check_resolution(after, records.task)
    changed = tuple(edit for edit in edits if getattr(before.stages[edit.stage - 1], edit.field) != edit.value)
    return Effect(
        candidate=candidate_id,
        edits=changed,
        unchanged=tuple(edit for edit in edits if edit not in changed),
        before=before,
        after=after,
        price_before=price(before, records.task),
        price_after=price(after, records.task),
        violations=find_violations(after, records.space, records.task, records.budget, with_edits=advise),
        known=_find_known(records, candidate_id, after),
    )


def _find_known(records: RunRecords, candidate_id: str, after: Architecture) -> Trial | None:
    """The candidate itself where nothing changed, else the first trial of that network."""
    own = records.find(candidate_id)
    if own.fingerprint == after.fingerprint(records.task.stem_channels):
        return own
    return records.known_as(after)


def list_differences(first: Architecture, second: Architecture) -> tuple[Edit, ...]:
    """The edits that turn the first network into the second; stages beyond the shorter are left out.

    An expansion written for a DWSepConv stage has no effect and is not a difference.
    """
    return tuple(
        Edit(number, field, getattr(after, field))
        for number, (before, after) in enumerate(zip(first.stages, second.stages, strict=False), start=1)
        for field in STAGE_FIELDS
        if getattr(before, field) != getattr(after, field) and (field, after.block) != ("expansion", "DWSepConv")
    )
