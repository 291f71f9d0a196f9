"""The read model of a run: what its records say, for explanations, conversation and reports alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nas.cost import Assessment, Budget, CostReport, estimate, report
from nas.cost.board import Board
from nas.errors import CheckError, ProposalError
from nas.export.metrics import DeliveryMetrics
from nas.plain_text import plain
from nas.records.outcomes import CandidateOutcome
from nas.records.run_store import RunStore
from nas.records.trace import Record
from nas.search.pareto import find_front, measure_hypervolume
from nas.search.trial import Trial
from nas.space.architecture import Architecture, Task
from nas.space.search_space import SearchSpace
from nas.training import TrainedPhase

_NUM_IDS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FrontChange:
    """The Pareto front after a candidate was trained."""

    candidate: str
    members: tuple[str, ...]
    hypervolume: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the designer had been told when it made a proposal: its parent, its aim, suggestions and rejections."""

    parent: str | None
    niche: str | None
    suggestions: tuple[str, ...]
    rejections: tuple[str, ...]


@dataclass(frozen=True)
class RunRecords:
    """Trials and what else is known. `trials` holds every proposal in order.

    `num_images`: images in the splits "train", "validation" and "test", where known. `outcomes` are those of
    the phases after the search, by candidate. `started` and `finished` are the trace's first and last words, `feedback`
    is told by proposal, `explanations` (as `Explanation.to_dict` writes them) by candidate. `what_ifs` were trained on
    request and are no part of the search. Everything but the trials is empty while the run itself asks.
    """

    trials: tuple[Trial, ...]
    space: SearchSpace
    task: Task
    budget: Budget
    board: Board
    num_images: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, CandidateOutcome] = field(default_factory=dict)
    started: Mapping[str, Any] = field(default_factory=dict)
    finished: Mapping[str, Any] = field(default_factory=dict)
    winners: tuple[str, ...] = ()
    drive: Mapping[str, Any] = field(default_factory=dict)
    feedback: Mapping[str, Feedback] = field(default_factory=dict)
    num_answers: int = 0
    what_ifs: tuple[Trial, ...] = ()
    explanations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[str, Trial]:
        return {trial.id: trial for trial in (*self.trials, *self.what_ifs)}

    def get(self, candidate_id: str) -> Trial | None:
        """The trial of that id, or None."""
        return self._by_id.get(candidate_id)

    def find(self, candidate_id: str) -> Trial:
        """The trial of that id, also one that never was a network; raises ProposalError for an unknown one."""
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
        """How many proposals ended how."""
        return Counter(trial.state for trial in self.trials)

    @property
    def delivered(self) -> tuple[str, ...]:
        """Candidates that were delivered."""
        return tuple(candidate for candidate, outcome in self.outcomes.items() if outcome.metrics is not None)

    def outcome(self, candidate_id: str) -> CandidateOutcome:
        """What came of it after the search, so far."""
        return self.outcomes.get(candidate_id, CandidateOutcome())

    def known_as(self, architecture: Architecture) -> Trial | None:
        """The first trial of the same network, if it was ever proposed."""
        fingerprint = architecture.fingerprint(self.task.stem_channels)
        return next((trial for trial in self._by_id.values() if trial.fingerprint == fingerprint), None)

    @cached_property
    def hypervolume(self) -> float:
        """The share in [0, 1] that the front dominates of the box up to the budget's MACs and flash bytes."""
        return self._measure(self.front)

    @property
    def most_accurate(self) -> Trial | None:
        """The trained trial with the best validation accuracy, the earliest of equals."""
        return self.trained[0] if self.trained else None

    def snapshot(self) -> RunRecords:
        """These records: nothing is added to them any more."""
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

    The trace says what the network must read and answer; `guess_task` is asked where it is still empty.
    """
    told = _read_trace(store.load_trace())
    started = told.get("started")
    task = _read_task(started, stem_channels) if started else guess_task()
    what_ifs = tuple(store.load_what_ifs())
    return RunRecords(tuple(store.load_trials()), space, task, budget, board, what_ifs=what_ifs, **told)


def _read_trace(trace: Iterable[Record]) -> dict[str, Any]:
    told: dict[str, Any] = {"outcomes": {}, "feedback": {}, "explanations": {}, "num_answers": 0}
    for record in trace:
        data = record["data"]
        match record["kind"]:
            case "run_started":
                told |= {"started": {**data, "time": record["time"]}, "num_images": data["num_images"]}
            case "run_finished":
                told["finished"] = {**data, "time": record["time"]}
            case "drive_chosen":
                told["drive"] = data
            case "llm_answered":
                told["num_answers"] += 1
            case "feedback_given":
                told["feedback"][data["candidate"]] = _read_feedback(data)
            case "phase_finished" | "delivered":
                _read_outcome(told["outcomes"], data)
            case "explained":
                told["explanations"][data["candidate"]] = data
            case "node_finished" if data["node"] == "select":
                told["winners"] = tuple(data["update"]["winners"])
            case _:
                pass
    return told


def _read_task(started: Mapping[str, Any], stem_channels: int) -> Task:
    height, width, channels = started["input"]
    return Task(height, width, channels, started["num_classes"], stem_channels)


def _read_outcome(outcomes: dict[str, CandidateOutcome], data: Mapping[str, Any]) -> None:
    """Add a delivery's metrics or a phase after the search (the mini-phases are the trials' own)."""
    if data.get("phase") == "mini":
        return
    candidate = data["candidate"]
    own = outcomes.get(candidate, CandidateOutcome())
    try:
        if "metrics" in data:
            outcomes[candidate] = replace(own, metrics=DeliveryMetrics.from_dict(data["metrics"]))
        else:
            phase = TrainedPhase.from_dict({name: value for name, value in data.items() if name != "candidate"})
            outcomes[candidate] = own.with_phase(phase)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckError(f"the trace must hold whole outcomes; that of {candidate} is damaged: {error}") from error


def _read_feedback(data: Mapping[str, Any]) -> Feedback:
    return Feedback(data["parent"], data["niche"], tuple(data["suggestions"]), tuple(data["rejections"]))
