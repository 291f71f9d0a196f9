"""One place in a run's sequence of proposals, and the trial that fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nas.search.trial import Trial
from nas.search.trial_index import TrialIndex
from nas.space.architecture import Architecture, Task
from nas.space.search_space import Edit, SchemaError, SearchSpace

_MAX_REASON = 1_000  # characters kept of what was wrong with a call


@dataclass(frozen=True)
class Proposal:
    """Proposal `number` of a run: filled with a whole design or with edits of a candidate, or refused.

    `settle` records a trial that needs no training. Filled again after an interruption, it returns the recorded trial.
    """

    number: int
    space: SearchSpace
    task: Task
    index: TrialIndex
    settle: Callable[[Trial], Trial]

    def design(self, data: object) -> Trial:
        """The trial of a whole architecture: "proposed", or already "invalid" or "duplicate"."""
        return self._register(lambda: self.space.parse(data), Trial(self.number, "proposed", "propose_architecture"))

    def edit(self, candidate_id: str, edits: Sequence[Edit]) -> Trial:
        """The trial of a known candidate with edits applied; `edits` name distinct fields."""
        parent = self.index.find(candidate_id).network
        draft = Trial(self.number, "proposed", "edit_architecture", parent=candidate_id, edits=tuple(edits))
        return self._register(lambda: self.space.apply(parent, edits), draft)

    def refuse(self, origin: str, reason: str) -> Trial:
        """The recorded trial of a proposal that could not even be read."""
        return self.settle(Trial(self.number, "invalid", origin, reason=reason[:_MAX_REASON]))

    def _register(self, read: Callable[[], Architecture], draft: Trial) -> Trial:
        try:
            architecture = read()
            self.space.check_resolution(architecture, self.task)
        except SchemaError as error:
            return self.settle(replace(draft, state="invalid", reason=str(error)))
        fingerprint = architecture.fingerprint(self.task.stem_channels)
        trial = replace(draft, architecture=architecture, fingerprint=fingerprint)
        known = self.index.get(trial.id)
        if known is not None and known.fingerprint == fingerprint:
            return known  # this very proposal, taken up again after an interruption
        earlier = self.index.first_with(fingerprint)
        if earlier is not None:
            reason = f"the same network as {earlier.id} (equal canonical form)"
            return self.settle(replace(trial, state="duplicate", reason=reason))
        self.index.put(trial)
        return trial
