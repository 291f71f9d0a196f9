"""The mask of an edit list: 2 or 3 edits of a parent that lead to a legal and new network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas.search.masks.begun_json import complete_items
from nas.search.masks.open_space import OpenSpace
from nas.space.architecture import Architecture
from nas.space.json_schema import MAX_EDITS, MIN_EDITS, edit_arguments_schema
from nas.space.search_space import STAGE_FIELDS, Edit


class EditMask:
    """Offers an edit when the list may end with it, or when one more edit is known to let it end.

    Edits that would need two further ones are not offered: searching for those would cost a hundred times as much.
    """

    def __init__(self, parent_id: str, parent: Architecture, open_space: OpenSpace) -> None:
        self._parent_id = parent_id
        self._parent = parent
        self._open = open_space
        self._schemas: dict[str, dict[str, Any]] = {}

    def offers_any(self) -> bool:
        """Whether any edit list leads to a legal and new network."""
        return bool(self._schema([])["properties"]["edits"]["items"])

    def narrow(self, written: str) -> Mapping[str, Any]:
        """The schema of {"candidate_id", "edits"} after the beginning `written`."""
        items, _ = complete_items(written, "edits")
        return self._schema(items)

    def options(self, edits: Sequence[Edit]) -> tuple[list[Edit], bool]:
        """The edits that may follow `edits`, in the order of stages and fields, and whether the list may end here."""
        may_end = len(edits) >= MIN_EDITS and self._leads_to_open(edits)
        if len(edits) == MAX_EDITS:
            return [], may_end
        return [edit for edit in self._candidates(edits) if self._may_follow(edits, edit)], may_end

    def _schema(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        key = json.dumps(items)
        if key not in self._schemas:
            options, may_end = self.options([Edit(**item) for item in items])
            self._schemas[key] = edit_arguments_schema(self._parent_id, items, options, may_end=may_end)
        return self._schemas[key]

    def _may_follow(self, edits: Sequence[Edit], edit: Edit) -> bool:
        longer = [*edits, edit]
        if len(longer) >= MIN_EDITS and self._leads_to_open(longer):
            return True
        if len(longer) == MAX_EDITS:
            return False
        return any(self._leads_to_open([*longer, last]) for last in self._candidates(longer))

    def _candidates(self, edits: Sequence[Edit]) -> Iterator[Edit]:
        """Edits of fields not named yet that change their value; an expansion only where there is one."""
        named = {(edit.stage, edit.field) for edit in edits}
        space = self._open.space
        edited = space.apply(self._parent, edits)
        for number, stage in enumerate(edited.stages, start=1):
            for field in STAGE_FIELDS:
                if (number, field) in named or (field == "expansion" and stage.block == "DWSepConv"):
                    continue
                for value in space.choices(field):
                    if value != getattr(stage, field):
                        yield Edit(number, field, value)

    def _leads_to_open(self, edits: Sequence[Edit]) -> bool:
        return self._open.holds(self._open.space.apply(self._parent, edits))
