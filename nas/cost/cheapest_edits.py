"""The cheapest edits that cure an architecture: fewest fields, all limits kept, MACs changed least.

A single edit is found by pricing every one. Only when none is legal are two-field edits searched: all pairs get their
MACs, a lower bound on their arena (largest live set plus tail) and their file size from the remembered stage costs; the
pairs that remain are sorted by how far they move MACs and given to the exact planner, first to last, until one is
legal. At most `MAX_PLANNED_PAIRS` pairs are planned: a count rather than a clock bounds the search, so that the same
question has the same answer on every machine. It keeps the search well under a second.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from dataclasses import field as describe
from math import log
from typing import Any

from nas.cost.budget import Budget
from nas.cost.price import Price, price
from nas.cost.screening import may_be_legal, price_if_legal, screen_runs
from nas.documents.json_records import JSON_NAME, read_record, write_record
from nas.space.architecture import Architecture, Task
from nas.space.search_space import Choice, Edit, SearchSpace, format_choice

MAX_PLANNED_PAIRS = 1_000
SHOWN_EDITS = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one stage with its value before and after; `before` is None where there was no expansion."""

    stage: int
    field: str
    before: Choice | None = describe(metadata={JSON_NAME: "from"})
    after: Choice = describe(metadata={JSON_NAME: "to"})

    @property
    def edit(self) -> Edit:
        """The change as an edit of the search space."""
        return Edit(self.stage, self.field, self.after)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as in a violation's `cheapest_edits`."""
        return write_record(self)

    @classmethod
    def from_dict(cls, data: object) -> Change:
        """The change that `to_dict` wrote; raises RecordError for anything else."""
        return read_record(cls, data)

    def __str__(self) -> str:
        return f"stage {self.stage} {self.field} {format_choice(self.before)} -> {format_choice(self.after)}"


@dataclass(frozen=True, slots=True)
class EditSuggestion:
    """One or two changes to make together, and the price they lead to (which keeps every limit)."""

    changes: tuple[Change, ...]
    price: Price

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The changes as edits of the search space."""
        return tuple(change.edit for change in self.changes)


def find_edits(
    architecture: Architecture,
    space: SearchSpace,
    task: Task,
    budget: Budget,
    *,
    excluded: Container[str] = frozenset(),
) -> tuple[EditSuggestion, ...]:
    """The cheapest legal edits, best first: up to three single-field edits, else the best two-field edit, else none.

    `excluded` holds fingerprints that would be rejected as duplicates.
    """
    macs = price(architecture, task).macs
    singles = _legal_singles(architecture, space, task, budget, excluded)
    ranked = sorted(singles, key=lambda suggestion: _distance(suggestion.price.macs, macs))  # stable: earliest stage
    if ranked:
        return tuple(ranked[:SHOWN_EDITS])
    pair = _best_pair(architecture, space, task, budget, excluded)
    return (pair,) if pair else ()


def _legal_singles(
    architecture: Architecture, space: SearchSpace, task: Task, budget: Budget, excluded: Container[str]
) -> Iterator[EditSuggestion]:
    for edit in space.single_edits(architecture):
        edited = space.apply(architecture, [edit])
        edited_price = price_if_legal(edited, task, budget)
        if edited_price and edited.fingerprint(task.stem_channels) not in excluded:
            yield EditSuggestion((_change(architecture, edit),), edited_price)


def _best_pair(
    architecture: Architecture, space: SearchSpace, task: Task, budget: Budget, excluded: Container[str]
) -> EditSuggestion | None:
    macs = price(architecture, task).macs
    candidates: list[tuple[float, tuple[Edit, Edit]]] = []
    for pair in _pairs(architecture, space):
        runs = screen_runs(space.apply(architecture, pair), task)
        if runs is not None and may_be_legal(runs, budget):
            candidates.append((_distance(sum([run.macs for run in runs]), macs), pair))
    candidates.sort(key=lambda candidate: candidate[0])  # stable: ties go to the earliest stages
    for _, pair in candidates[:MAX_PLANNED_PAIRS]:
        edited = space.apply(architecture, pair)
        edited_price = price_if_legal(edited, task, budget)
        if edited_price and edited.fingerprint(task.stem_channels) not in excluded:
            return EditSuggestion(tuple(_change(architecture, edit) for edit in pair), edited_price)
    return None


def _pairs(architecture: Architecture, space: SearchSpace) -> Iterator[tuple[Edit, Edit]]:
    """Every pair of edits of two different fields, earliest stages first.

    An expansion for a stage without one makes sense only together with the change to MBConv.
    """
    singles = list(space.single_edits(architecture))
    for index, first in enumerate(singles):
        for second in singles[index + 1 :]:
            if (first.stage, first.field) != (second.stage, second.field):
                yield first, second
        if first.field == "block" and first.value == "MBConv":
            for value in space.choices("expansion"):
                yield first, Edit(first.stage, "expansion", value)


def _distance(macs: int, before: int) -> float:
    return abs(log(macs / before))


def _change(architecture: Architecture, edit: Edit) -> Change:
    return Change(edit.stage, edit.field, getattr(architecture.stages[edit.stage - 1], edit.field), edit.value)
