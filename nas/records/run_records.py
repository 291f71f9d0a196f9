"""The read model of a run: what its records say, for explanations, conversation and reports alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from nas.cost import Assessment, Budget, CostReport, estimate, report
from nas.cost.board import Board
from nas.errors import ProposalError
from nas.export.delivered import Delivered
from nas.plain_text import plain
from nas.records.explained import Explained, Explanation
from nas.records.outcomes import CandidateOutcome
from nas.records.run_events import DriveChosen, LlmAnswered, NodeFinished, RunFinished, RunStarted
from nas.records.run_store import RunStore
from nas.records.trace_line import TraceLine
from nas.search.pareto import find_front, measure_hypervolume
from nas.search.search_events import FeedbackGiven
from nas.search.trial import Trial
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace
from nas.training.phase_events import PhaseFinished

_NUM_IDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FrontChange:
    """The Pareto front after a candidate was trained."""

    candidate: str
    members: tuple[str, ...]
    hypervolume: float


@dataclass(frozen=True)
class RunRecords:
    """Trials and everything else that is known. `trials` holds every proposal in order.

    `num_images`: images in the splits "train", "validation" and "test", where known. `outcomes` are those of the phases
    after the search, by candidate. `started` is the latest session's first event, `finished` the run's last, `seconds`
    the time between them (None where no times are on record); `feedback` is keyed by proposal, `explanations` by
    candidate. `what_ifs` were trained on request and are not part of the search. Everything but the trials is empty
    when the run itself is asking.
    """

    trials: tuple[Trial, ...]
    space: SearchSpace
    task: Task
    budget: Budget
    board: Board
    num_images: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, CandidateOutcome] = field(default_factory=dict)
    started: RunStarted | None = None
    finished: RunFinished | None = None
    seconds: float | None = None
    winners: tuple[str, ...] = ()
    drive: DriveChosen | None = None
    feedback: Mapping[str, FeedbackGiven] = field(default_factory=dict)
    num_answers: int = 0
    what_ifs: tuple[Trial, ...] = ()
    explanations: Mapping[str, Explanation] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[str, Trial]:
        return {trial.id: trial for trial in (*self.trials, *self.what_ifs)}

    def get(self, candidate_id: str) -> Trial | None:
        """The trial of that id, or None."""
        return self._by_id.get(candidate_id)

    def find(self, candidate_id: str) -> Trial:
        """The trial of that id, even one that was never a network; raises ProposalError for an unknown one."""
        trial = self._by_id.get(candidate_id)
        if trial is None:
            known = ", ".join(list(self._by_id)[-_NUM_IDS_SHOWN:]) or "-"
            raise ProposalError(
                f"candidate_id must name a candidate of the run; there is no candidate {plain(candidate_id)[:40]}; the "
                f"latest: {known}"
            )
        return trial

    def architecture(self, candidate_id: str) -> Architecture:
        """Its architecture; raises ProposalError for a proposal that had none."""
        trial = self.find(candidate_id)
        if trial.architecture is None:
            raise ProposalError(f"{candidate_id} never was a network: it is {trial.state}, {trial.reason}")
        return trial.architecture

    def costs(self, candidate_id: str) -> CostReport:
        """The full account of its costs."""
        return report(self.architecture(candidate_id), self.task)

    def assess(self, candidate_id: str) -> Assessment:
        """Its costs and what they violate, with the cheapest edits."""
        return estimate(self.architecture(candidate_id), self.space, self.task, self.budget)

    @cached_property
    def front(self) -> tuple[Trial, ...]:
        """The Pareto front, most accurate first."""
        return find_front(self.trials)

    @cached_property
    def is_on_front(self) -> frozenset[str]:
        """Ids of the front's members."""
        return frozenset(member.id for member in self.front)

    @cached_property
    def trained(self) -> tuple[Trial, ...]:
        """Every candidate with an accuracy, most accurate first."""
        found = [trial for trial in self.trials if trial.state == "trained"]
        return tuple(sorted(found, key=lambda trial: (-(trial.validation_accuracy or 0), trial.number)))

    @property
    def counts(self) -> Counter[str]:
        """The number of proposals with each outcome."""
        return Counter(trial.state for trial in self.trials)

    @property
    def delivered(self) -> tuple[str, ...]:
        """Candidates that were delivered."""
        return tuple(candidate for candidate, outcome in self.outcomes.items() if outcome.metrics is not None)

    def outcome(self, candidate_id: str) -> CandidateOutcome:
        """What became of it after the search, so far."""
        return self.outcomes.get(candidate_id, CandidateOutcome())

    def known_as(self, architecture: Architecture) -> Trial | None:
        """The first trial of the same network, if it was ever proposed."""
        fingerprint = architecture.fingerprint(self.task.stem_channels)
        return next((trial for trial in self._by_id.values() if trial.fingerprint == fingerprint), None)

    @cached_property
    def hypervolume(self) -> float:
        """The share in [0, 1] of the box up to the budget's MACs and flash bytes that the front dominates."""
        return self._measure(self.front)

    @property
    def most_accurate(self) -> Trial | None:
        """The trained trial with the best validation accuracy, the earliest on a tie."""
        return self.trained[0] if self.trained else None

    def snapshot(self) -> RunRecords:
        """These records, which no longer change."""
        return self

    def _measure(self, front: Sequence[Trial]) -> float:
        return measure_hypervolume(front, macs_max=self.budget.macs_max, params_max=self.budget.flash_bytes)

    def front_history(self) -> list[FrontChange]:
        """The front after every trained candidate, in the order of training."""
        history, so_far = [], []  # type: ignore[var-annotated]
        for trial in self.trials:
            if trial.state != "trained":
                continue
            so_far = list(find_front([*so_far, trial]))
            history.append(FrontChange(trial.id, tuple(member.id for member in so_far), self._measure(so_far)))
        return history


def load_records(
    store: RunStore,
    space: SearchSpace,
    budget: Budget,
    board: Board,
    *,
    stem_channels: int,
    guess_task: Callable[[], Task],
) -> RunRecords:
    """The read model of a run on disk; raises CheckError for damaged records.

    The trace says what the network must read and answer; `guess_task` is called while it is still empty.
    """
    facts = _read_trace(store.load_trace())
    task = _read_task(facts.started, stem_channels) if facts.started else guess_task()
    return RunRecords(
        tuple(store.load_trials()),
        space,
        task,
        budget,
        board,
        num_images=facts.started.num_images if facts.started else {},
        outcomes=facts.outcomes,
        started=facts.started,
        finished=facts.finished,
        seconds=_seconds_between(facts.started_at, facts.finished_at),
        winners=facts.winners,
        drive=facts.drive,
        feedback=facts.feedback,
        num_answers=facts.num_answers,
        what_ifs=tuple(store.load_what_ifs()),
        explanations=facts.explanations,
    )


@dataclass(slots=True)
class _TraceFacts:
    """What a trace says, gathered line by line."""

    outcomes: dict[str, CandidateOutcome] = field(default_factory=dict)
    started: RunStarted | None = None
    started_at: str = ""
    finished: RunFinished | None = None
    finished_at: str = ""
    winners: tuple[str, ...] = ()
    drive: DriveChosen | None = None
    feedback: dict[str, FeedbackGiven] = field(default_factory=dict)
    num_answers: int = 0
    explanations: dict[str, Explanation] = field(default_factory=dict)


def _read_trace(trace: Iterable[TraceLine]) -> _TraceFacts:
    facts = _TraceFacts()
    for line in trace:
        match line.event:
            case RunStarted() as started:
                facts.started, facts.started_at = started, line.time
            case RunFinished() as finished:
                facts.finished, facts.finished_at = finished, line.time
            case DriveChosen() as drive:
                facts.drive = drive
            case LlmAnswered():
                facts.num_answers += 1
            case FeedbackGiven() as feedback:
                facts.feedback[feedback.candidate] = feedback
            case PhaseFinished() | Delivered() as delivered:
                _read_outcome(facts.outcomes, delivered)
            case Explained(explanation):
                facts.explanations[explanation.candidate] = explanation
            case NodeFinished(node="select", update=update):
                facts.winners = tuple(update["winners"])
            case _:
                pass
    return facts


def _read_outcome(outcomes: dict[str, CandidateOutcome], event: PhaseFinished | Delivered) -> None:
    """Add a delivery's metrics or a phase after the search (the mini-phases are the trials' own)."""
    own = outcomes.get(event.candidate, CandidateOutcome())
    if isinstance(event, Delivered):
        outcomes[event.candidate] = replace(own, metrics=event.metrics)
    elif event.outcome.phase != "mini":
        outcomes[event.candidate] = own.with_phase(event.outcome)


def _read_task(started: RunStarted, stem_channels: int) -> Task:
    height, width, channels = started.input
    return Task(height, width, channels, started.num_classes, stem_channels)


def _seconds_between(first: str, last: str) -> float | None:
    if not first or not last:
        return None
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
