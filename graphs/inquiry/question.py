"""A question about a run with the entities in it, and what the previous one was about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphs.inquiry.edit_intents import Intent, resolve_edits
from graphs.inquiry.entities import default_candidate, find_role
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.search_space import Edit

POINTS_BACK = re.compile(r"\b(?:it|its|it's|this|that|same|there|the (?:network|candidate|model))\b", re.I)


@dataclass(frozen=True, slots=True)
class Focus:
    """What the last answer was about, for questions that refer back to it ("and c006?", "train it")."""

    candidate: str | None = None
    tool: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """A question with the entities in it. `subject`: the trial it is about, named, meant or implied."""

    text: str
    records: RunRecords
    focus: Focus
    candidates: tuple[str, ...]
    stages: tuple[int, ...]
    intents: tuple[Intent, ...]

    @property
    def subject(self) -> str | None:
        """The id of the candidate it is about, even one that does not exist; None if the run has none."""
        if self.candidates:
            return self.candidates[0]
        if (meant := self.meant) is not None:
            return meant.id
        if self.focus.candidate and POINTS_BACK.search(self.text):
            return self.focus.candidate
        trial = default_candidate(self.records)
        return trial.id if trial else None

    @property
    def meant(self) -> Trial | None:
        """The candidate it names by its role: the winner, the smallest."""
        return find_role(self.text, self.records)

    @property
    def trial(self) -> Trial | None:
        """The subject's trial; None if there is none."""
        return self.records.get(self.subject) if self.subject else None

    @property
    def edits(self) -> list[Edit]:
        """The edits of the subject that it intents."""
        trial = self.trial
        if trial is None or trial.architecture is None:
            return []
        return resolve_edits(self.intents, trial.architecture, self.records.space)

    def changes(self, edit: Edit) -> bool:
        """Whether an edit would change its stage; true for a stage that does not exist."""
        architecture = self.trial.architecture if self.trial else None
        if architecture is None or not 1 <= edit.stage <= len(architecture.stages):
            return True
        return bool(getattr(architecture.stages[edit.stage - 1], edit.field) != edit.value)
