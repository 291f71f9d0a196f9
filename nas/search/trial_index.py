"""All trials of a run in memory, with all a proposal needs from them kept up to date: look-ups never slow down."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from nas.errors import ProposalError
from nas.search.niches import Niche, find_niche
from nas.search.pareto import find_front, find_most_accurate
from nas.search.trial import Trial, TrialState

NUM_REJECTED = 8
_NUM_IDS_SHOWN = 12
NUM_TRAINED = 2
ENTERED_TRAINING: tuple[TrialState, ...] = ("trained", "stopped", "failed")


class TrialIndex:
    """Trials by id and by fingerprint; the front, the best of every niche and the latest rejections."""

    def __init__(self, trials: Iterable[Trial], niches: Sequence[Niche]) -> None:
        self.niches = tuple(niches)
        self.counts: Counter[TrialState] = Counter()  # trials in each state
        self.niche_counts: Counter[int] = Counter()  # trained trials in each niche
        self.front: tuple[Trial, ...] = ()
        self.num_children: Counter[str] = Counter()  # proposals made from each candidate
        self.most_accurate: Trial | None = None  # even if it is not on the front
        self.recent_rejected: deque[Trial] = deque(maxlen=NUM_REJECTED)
        self.recent_trained: deque[Trial] = deque(maxlen=NUM_TRAINED)  # or stopped, or diverged
        self._trials: dict[str, Trial] = {}
        self._first_ids: dict[str, str] = {}
        self._elites: dict[int, Trial] = {}
        for trial in trials:
            self.put(trial)

    def put(self, trial: Trial) -> None:
        """Add a trial, or replace the one of the same id by its later state."""
        earlier = self._trials.get(trial.id)
        if earlier is not None:
            self.counts[earlier.state] -= 1
        elif trial.parent:
            self.num_children[trial.parent] += 1
        self.counts[trial.state] += 1
        self._trials[trial.id] = trial
        self._take_fingerprint(trial)
        if earlier is not None and earlier.state == trial.state:
            return
        if trial.state == "rejected":
            self.recent_rejected.append(trial)
        elif trial.state in ENTERED_TRAINING:
            self.recent_trained.append(trial)
        if trial.state == "trained":
            self._take_trained(trial)

    def _take_fingerprint(self, trial: Trial) -> None:
        """Let the earliest trial own its network; a duplicate owns nothing, an untrained one may be proposed again."""
        if trial.fingerprint is None:
            return
        owner = self._first_ids.get(trial.fingerprint)
        if trial.state in ("duplicate", "untrained"):
            if owner == trial.id:
                del self._first_ids[trial.fingerprint]
        elif owner is None or trial.number < self._trials[owner].number:
            self._first_ids[trial.fingerprint] = trial.id

    def _take_trained(self, trial: Trial) -> None:
        self.front = find_front([*self.front, trial])
        self.most_accurate = find_most_accurate([trial] if self.most_accurate is None else [self.most_accurate, trial])
        niche = find_niche(self.niches, trial.priced.macs)
        if niche is None:
            return
        self.niche_counts[niche] += 1
        elite = self._elites.get(niche)
        if elite is None or (trial.validation_accuracy or 0) > (elite.validation_accuracy or 0):
            self._elites[niche] = trial

    def get(self, candidate_id: str) -> Trial | None:
        """The trial of that id."""
        return self._trials.get(candidate_id)

    def find(self, candidate_id: str) -> Trial:
        """The trial of a network; raises ProposalError for an unknown id, or a proposal that was not a network."""
        trial = self.get(candidate_id)
        if trial is None or trial.architecture is None:
            known = sorted(trial.id for trial in self.all() if trial.architecture is not None)
            shown = ", ".join(known[-_NUM_IDS_SHOWN:]) or "-"
            raise ProposalError(f"candidate_id must name a known candidate; got {candidate_id!r}; the latest: {shown}")
        return trial

    def all(self) -> tuple[Trial, ...]:
        """Every trial in order of arrival."""
        return tuple(self._trials.values())

    def first_with(self, fingerprint: str) -> Trial | None:
        """The first trial of that network, ignoring any that was left untrained."""
        first = self._first_ids.get(fingerprint)
        return self._trials[first] if first else None

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Every known network's fingerprint with its first candidate id."""
        return self._first_ids

    @property
    def elites(self) -> tuple[tuple[int, Trial], ...]:
        """(number trained in the niche, its most accurate trial) of every niche that has one, cheapest first."""
        return tuple((self.niche_counts[niche], self._elites[niche]) for niche in sorted(self._elites))

    @property
    def num_trained(self) -> int:
        """Candidates that entered the mini-phase, diverged and stopped ones included."""
        return sum(self.counts[state] for state in ENTERED_TRAINING)
