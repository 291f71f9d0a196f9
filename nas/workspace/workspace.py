"""The workspace: a run's records, data and training behind methods that take and give plain values and ids.

Tools and nodes hold a workspace and nothing else of the domain; tensors, modules and paths never leave it.
Every method may be repeated after an interruption: what is on record is returned, not computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.cost import Assessment, Budget, estimate
from nas.cost.board import Board
from nas.errors import CheckError, ProposalError
from nas.events import EventSink, ignore_events
from nas.explanation.explanation import write_markdown
from nas.export.delivered import Delivered
from nas.export.export_order import ExportLimits, ExportOrder
from nas.export.metrics import DeliveryMetrics
from nas.records.explained import Explanation
from nas.records.outcomes import CandidateOutcome
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore
from nas.search.niches import split_niches
from nas.search.pareto import Trends, find_trends, measure_hypervolume
from nas.search.rungs import HalvingRule, build_halving_rules
from nas.search.steering import Steering
from nas.search.trial import Trial, TrialState
from nas.search.trial_index import TrialIndex
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace
from nas.training import HalvingSettings, JobPhase, TrainedPhase, TrainingJob
from nas.training.phase_events import PhaseFinished
from nas.workspace.executor import Executor
from nas.workspace.proposal import Proposal


class Workspace:
    """What a run's tools and nodes work on; serves the view of the run (`run_queries.RunView`) while it works.

    `events` receives every finished training and export.
    """

    def __init__(
        self,
        *,
        store: RunStore,
        space: SearchSpace,
        task: Task,
        budget: Budget,
        board: Board,
        executor: Executor,
        seed: int,
        events: EventSink = ignore_events,
        num_niches: int = 0,
        num_images: Mapping[str, int] | None = None,
        halving: HalvingSettings | None = None,
    ) -> None:
        self.store = store
        self.space = space
        self.task = task
        self.budget = budget
        self.board = board
        self.seed = seed
        self.index = TrialIndex(store.load_trials(), split_niches(budget, num_niches))
        self.steering = Steering(self.index, space, task, budget, seed)
        self._executor = executor
        self._events = events
        self._num_images = dict(num_images or {})
        self._assessed: tuple[str, Assessment] | None = None
        self._measured: tuple[tuple[Trial, ...], float] = ((), 0.0)
        self._halving = halving or HalvingSettings()
        self._halving_rules: dict[str, HalvingRule] = {}  # of the batch in training

    # --- the view of the run -----------------------------------------------------------------------------------

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial so far, open proposals included, in the order in which they came."""
        return self.index.all()

    @property
    def front(self) -> tuple[Trial, ...]:
        """The current Pareto front, most accurate first."""
        return self.index.front

    @property
    def trends(self) -> Trends | None:
        """What the front has in common; None while it is empty."""
        return find_trends(self.front, self.task.stem_channels)

    @property
    def hypervolume(self) -> float:
        """The share in [0, 1] of the box up to the budget's MACs and flash bytes that the front dominates."""
        front = self.front
        if self._measured[0] is not front:
            limits = {"macs_max": self.budget.macs_max, "params_max": self.budget.flash_bytes}
            self._measured = front, measure_hypervolume(front, **limits)
        return self._measured[1]

    @property
    def most_accurate(self) -> Trial | None:
        """The trained trial with the best validation accuracy, even if it is not on the front."""
        return self.index.most_accurate

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of proposals with each outcome."""
        return {state: count for state, count in self.index.counts.items() if count}

    def find(self, candidate_id: str) -> Trial:
        """The trial of a candidate id; raises ProposalError for an unknown id."""
        return self.index.find(candidate_id)

    def assess(self, candidate_id: str) -> Assessment:
        """Exact costs and violations of a candidate; the latest result is cached."""
        if self._assessed is None or self._assessed[0] != candidate_id:
            architecture = self.find(candidate_id).network
            known = self.index.fingerprints
            assessment = estimate(architecture, self.space, self.task, self.budget, excluded=known)
            self._assessed = candidate_id, assessment
        return self._assessed[1]

    def snapshot(self, outcomes: Mapping[str, CandidateOutcome] | None = None) -> RunRecords:
        """The records of the run so far; `outcomes` are those of the delivery."""
        return RunRecords(
            trials=tuple(trial for trial in self.trials if trial.state != "proposed" or trial.costs is not None),
            space=self.space,
            task=self.task,
            budget=self.budget,
            board=self.board,
            num_images=self._num_images,
            outcomes=outcomes or {},
        )

    # --- designing ---------------------------------------------------------------------------------------------

    def open_proposal(self, number: int) -> Proposal:
        """The run's proposal of that number, to be filled."""
        return Proposal(number, self.space, self.task, self.index, self._settle)

    def restore(self, pending: Iterable[Mapping[str, Any]]) -> None:
        """Restore legal trials waiting in a checkpoint, which is the only place on disk that holds them."""
        for data in pending:
            trial = Trial.from_dict(data)
            if self.index.get(trial.id) is None:
                self.index.put(trial)

    def judge(self, candidate_id: str) -> Trial:
        """The trial with its costs; recorded as "rejected" when a constraint is violated."""
        trial = self.find(candidate_id)
        if trial.state != "proposed" or trial.costs is not None:
            return trial
        assessment = self.assess(candidate_id)
        priced = replace(trial, costs=assessment.report.price.costs)
        if assessment.violations:
            # the cheapest edits cure every violation at once: stating them once is enough
            told = enumerate(assessment.violations)
            reason = " ".join(violation.sentence(with_edits=index == 0) for index, violation in told)
            return self._settle(replace(priced, state="rejected", violations=assessment.violations, reason=reason))
        self.index.put(priced)
        return priced

    def train_together(self, candidate_ids: Sequence[str]) -> None:
        """Let legal candidates be trained at once where the executor can; `mini_train` then settles each of them."""
        trials = [trial for candidate_id in candidate_ids if (trial := self.judge(candidate_id)).state == "proposed"]
        self._halving_rules = build_halving_rules(trials, self.trials, self._halving, batch=candidate_ids)
        if len(trials) > 1:
            self._executor.train_together([self._mini_job(trial) for trial in trials])

    def mini_train(self, candidate_id: str) -> Trial:
        """The trial after its mini-phase, recorded: "trained" with validation accuracy, "stopped" or "failed"."""
        trial = self.judge(candidate_id)
        if trial.state == "rejected":
            raise ProposalError(f"mini_train takes a legal candidate; {candidate_id} was rejected: {trial.reason}")
        if trial.state == "untrained":
            raise ProposalError(f"mini_train takes an open candidate; {candidate_id} was left: propose another")
        if trial.state != "proposed":
            return trial
        result = self._train(self._mini_job(trial))
        state: TrialState = "failed" if result.failure else "stopped" if result.stopped else "trained"
        settled = self._settle(
            replace(
                trial,
                state=state,
                reason=result.failure or result.stopped or result.note,
                validation_accuracy=result.validation_accuracy if state == "trained" else None,
                curve=result.curve,
                seconds=result.seconds,
            )
        )
        self._executor.forget(candidate_id, "mini")
        return settled

    def _mini_job(self, trial: Trial) -> TrainingJob:
        return TrainingJob(trial.id, trial.network, "mini", self._halving_rules.get(trial.id))

    def _train(self, job: TrainingJob) -> TrainedPhase:
        """The outcome of a training, on record even if a crash came between training and trace."""
        outcome = self._executor.train(job)
        self._events(PhaseFinished(job.candidate_id, outcome))
        return outcome

    def pass_over(self, candidate_id: str) -> Trial:
        """The trial of a legal candidate that the designer left without training it, recorded as "untrained"."""
        trial = self.find(candidate_id)
        if trial.state != "proposed":
            return trial
        return self._settle(replace(trial, state="untrained", reason="the designer went on without training it"))

    def _settle(self, trial: Trial) -> Trial:
        known = self.index.get(trial.id)
        if known is not None and known.state != "proposed":
            return known  # on record already: a step repeated after an interruption
        self.index.put(trial)
        self.store.append_trial(trial)
        return trial

    # --- delivering --------------------------------------------------------------------------------------------

    def train_fully(self, candidate_id: str) -> TrainedPhase:
        """The outcome of the full training of a candidate, from scratch."""
        return self._train_later(candidate_id, "full")

    def distill(self, candidate_id: str) -> TrainedPhase:
        """The outcome of distillation of the fully trained candidate from the teacher."""
        return self._train_later(candidate_id, "distill")

    def _train_later(self, candidate_id: str, phase: JobPhase) -> TrainedPhase:
        return self._train(TrainingJob(candidate_id, self.find(candidate_id).network, phase))

    def require_fit(self, candidate_id: str) -> None:
        """Raise CheckError, with figures, when a candidate's estimated costs exceed the board or the memory budget."""
        over = [found for found in self.assess(candidate_id).violations if found.constraint != "macs"]
        if over:
            raise CheckError(f"{candidate_id} does not fit {self.board.name}: {over[0].sentence()}")

    def export(self, explanation: Explanation, records: RunRecords, *, folder: Path | None = None) -> DeliveryMetrics:
        """The metrics of the explained candidate's delivery; `folder` defaults to the store's delivery folder."""
        candidate_id = explanation.candidate
        limits = ExportLimits(
            board_name=self.board.name,
            ram_bytes=self.board.arena_bytes,
            flash_bytes=self.budget.flash_bytes,
            peak_sram_bytes=self.budget.peak_sram_bytes,
        )
        order = ExportOrder(
            candidate_id=candidate_id,
            architecture=self.find(candidate_id).network,
            limits=limits,
            estimated=self.assess(candidate_id).report.price,
            explanation=write_markdown(explanation, records),
            folder=folder or self.store.delivery_folder(candidate_id),
        )
        exported = self._executor.export(order)
        if exported.finetuning is not None:
            self._events(PhaseFinished(candidate_id, exported.finetuning))
        self._events(Delivered(candidate_id, exported.metrics))
        return exported.metrics
