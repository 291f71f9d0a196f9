"""The mask of a whole design: for every value offered, at least one legal and new network with it is known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas.cost.feasible import build_legal, extreme_stage, fits_between
from nas.search.masks.begun_json import complete_items, complete_members
from nas.search.masks.open_space import OpenSpace
from nas.space.architecture import Architecture
from nas.space.json_schema import begun_design_schema
from nas.space.search_space import STAGE_FIELDS, Choice, Edit

NUM_FIRST_WITNESSES = 6
FIRST_DRAWS = 4_000  # stages drawn to find the first witnesses; under a second
NUM_REPAIRED = 4  # witnesses repaired for a value that none of them has
REPAIR_DRAWS = 120  # stages drawn to find a witness for a value that no repair gave

Fields = Mapping[str, Choice]


class DesignMask:
    """Offers a value when a witness is known: an open network with everything written so far and this value.

    Witnesses are found by putting the value into known ones, by one further edit of what is not written yet, or by
    building from scratch. A value without a witness is left out, even where a longer search might have found one.
    """

    def __init__(self, open_space: OpenSpace, rng: random.Random, witnesses: Sequence[Architecture] = ()) -> None:
        """`witnesses`: networks known to be legal, for corners of the space where building finds none."""
        self._open = open_space
        self._rng = rng
        self._witnesses: list[Architecture] = []
        self._schemas: dict[str, dict[str, Any]] = {}
        self.num_stages = open_space.space.num_stages
        self._extremes = [extreme_stage(open_space.space, smallest=smallest) for smallest in (True, False)]
        for witness in witnesses:
            self._keep(witness)
        for _ in range(NUM_FIRST_WITNESSES):
            self._build([], FIRST_DRAWS // NUM_FIRST_WITNESSES)

    def offers_any(self) -> bool:
        """Whether an open network was found at all."""
        return bool(self._witnesses)

    def narrow(self, written: str) -> Mapping[str, Any]:
        """The schema of {"stages"} after the beginning `written`."""
        items, rest = complete_items(written, "stages")
        begun = complete_members(rest)
        key = json.dumps([items, begun])
        if key not in self._schemas:
            choices = self.options(items, begun) if len(items) < self.num_stages else []
            self._schemas[key] = begun_design_schema(self._open.space, items, begun, choices)
        return self._schemas[key]

    def options(self, stages: Sequence[Fields], begun: Fields) -> list[Choice]:
        """The values offered for the field that comes after `begun`; empty when the stage is complete."""
        if len(begun) == len(STAGE_FIELDS):
            return []
        field = STAGE_FIELDS[len(begun)]
        if field == "expansion" and begun["block"] == "DWSepConv":
            return [min(self._open.space.expansion)]  # it has none: the value has no effect, so there is no choice
        fixed = [*stages, begun]
        consistent = [witness for witness in self._witnesses if _agrees(witness, fixed)]
        values = self._open.space.choices(field)
        return [value for value in values if self._find(consistent, fixed, field, value)]

    def _find(self, consistent: Sequence[Architecture], fixed: Sequence[Fields], field: str, value: Choice) -> bool:
        """Whether a witness with `value` is known or can be found; it is kept."""
        number = len(fixed)
        if any(getattr(witness.stages[number - 1], field) == value for witness in consistent):
            return True
        space = self._open.space
        changed = [space.apply(witness, [Edit(number, field, value)]) for witness in consistent]
        if any(self._keep(architecture) for architecture in changed):
            return True
        wanted = [*fixed[:-1], {**fixed[-1], field: value}]
        if not self._may_exist(wanted):
            return False
        for architecture in self._rng.sample(changed, min(NUM_REPAIRED, len(changed))):
            repairs = list(self._free_edits(architecture, number, STAGE_FIELDS.index(field)))
            self._rng.shuffle(repairs)
            if any(self._keep(space.apply(architecture, [edit])) for edit in repairs):
                return True
        return self._build(wanted, REPAIR_DRAWS)

    def _may_exist(self, wanted: Sequence[Fields]) -> bool:
        """False only if the cheapest or the largest continuation already breaks a limit."""
        space = self._open.space
        cheapest, dearest = (
            [space.with_fields(extreme, fields) for fields in wanted] + [extreme] * (space.num_stages - len(wanted))
            for extreme in self._extremes
        )
        return fits_between(cheapest, dearest, self._open.task, self._open.budget)

    def _free_edits(self, architecture: Architecture, number: int, place: int) -> Iterator[Edit]:
        """Single edits of what comes after the field at `place` of stage `number`."""
        for edit in self._open.space.single_edits(architecture):
            if (edit.stage, STAGE_FIELDS.index(edit.field)) > (number, place):
                yield edit

    def _build(self, wanted: Sequence[Fields], max_draws: int) -> bool:
        task, budget = self._open.task, self._open.budget
        built = build_legal(self._open.space, task, budget, self._rng, fixed=wanted, max_draws=max_draws)
        return built is not None and self._keep(built)

    def _keep(self, architecture: Architecture) -> bool:
        if not self._open.holds(architecture):
            return False
        self._witnesses.append(architecture)
        return True


def _agrees(witness: Architecture, fixed: Sequence[Fields]) -> bool:
    """Whether the witness has every value that is written; the expansion of a block without one is ignored."""
    for stage, fields in zip(witness.stages, fixed, strict=False):
        for field, value in fields.items():
            if getattr(stage, field) != value and not (field == "expansion" and stage.block == "DWSepConv"):
                return False
    return True
