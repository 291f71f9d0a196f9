"""The workspace: a run's records, data and training behind methods that take and give plain values and ids.

Tools and nodes hold a workspace and nothing else of the domain; tensors, modules and paths never leave it.
Every method may be repeated after an interruption: what is on record is returned, not computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.architecture import Architecture, Task
from nas.board import Board
from nas.contests import set_contests
from nas.cost import Budget, find_violations, report
from nas.errors import CheckError, ProposalError
from nas.explanation.explanation import Explanation, write_markdown
from nas.halving import Contest
from nas.niches import split_niches
from nas.pareto import Trends, find_trends, measure_hypervolume
from nas.records import Assessment, RunRecords
from nas.space import Edit, SchemaError, SearchSpace
from nas.steering import Steering
from nas.store import RunStore
from nas.training import HalvingSettings
from nas.trial import Trial, TrialState, plain_costs
from nas.trial_index import TrialIndex
from nas.workshop import DeliveryLimits, DeliveryOrder, TrainedPhase, Workshop

_NUM_IDS_SHOWN = 12
_MAX_REASON = 1_000  # characters kept of what was wrong with a call


@dataclass(frozen=True, slots=True)
class Front:
    """The Pareto front with its trends and its normalized hypervolume (share of the reference box, in [0, 1])."""

    members: tuple[Trial, ...]
    trends: Trends | None
    hypervolume: float


class Workspace:
    """What a run's tools work on. One proposal is open at a time: `open_proposal` names its number."""

    def __init__(
        self,
        *,
        store: RunStore,
        space: SearchSpace,
        task: Task,
        budget: Budget,
        board: Board,
        workshop: Workshop,
        seed: int,
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
        self._workshop = workshop
        self._num_images = dict(num_images or {})
        self._assessed: tuple[str, Assessment] | None = None
        self._measured: tuple[tuple[Trial, ...], float] = ((), 0.0)
        self._number = 0
        self._halving = halving or HalvingSettings()
        self._contests: dict[str, Contest] = {}  # of the batch in training

    # --- records -----------------------------------------------------------------------------------------------

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial so far, the open proposal included, in the order in which they came."""
        return self.index.all()

    def find(self, candidate_id: str) -> Trial:
        """The trial of a candidate id; raises ProposalError for an id nobody gave out."""
        trial = self.index.get(candidate_id)
        if trial is None or trial.architecture is None:
            known = sorted(trial.id for trial in self.trials if trial.architecture is not None)
            shown = ", ".join(known[-_NUM_IDS_SHOWN:]) or "-"
            raise ProposalError(f"candidate_id must name a known candidate; got {candidate_id!r}; the latest: {shown}")
        return trial

    def front(self) -> Front:
        """The current Pareto front; the hypervolume's box ends at the budget's MACs and flash bytes."""
        members = self.index.front
        if self._measured[0] is not members:
            limits = {"macs_max": self.budget.macs_max, "params_max": self.budget.flash_bytes}
            self._measured = members, measure_hypervolume(members, **limits)
        return Front(members, find_trends(members, self.task.stem_channels), self._measured[1])

    # --- designing ---------------------------------------------------------------------------------------------

    def open_proposal(self, number: int, pending: Sequence[Mapping[str, Any]] = ()) -> None:
        """Name the proposal the next calls belong to; `pending` brings back legal trials from a checkpoint."""
        self._number = number
        for data in pending:
            trial = Trial.from_dict(data)
            if self.index.get(trial.id) is None:
                self.index.put(trial)

    def propose(self, data: object) -> Trial:
        """The trial of a whole proposed architecture: "proposed", or already "invalid" or "duplicate"."""
        return self._register(lambda: self.space.parse(data), Trial(self._number, "proposed", "propose_architecture"))

    def edit(self, candidate_id: str, edits: Sequence[Edit]) -> Trial:
        """The trial of a known candidate with edits applied; `edits` name distinct fields."""
        parent = self.find(candidate_id)
        draft = Trial(self._number, "proposed", "edit_architecture", parent=candidate_id, edits=tuple(edits))
        return self._register(lambda: self.space.apply(_architecture(parent), edits), draft)

    def refuse(self, origin: str, reason: str) -> Trial:
        """The recorded trial of a proposal that could not even be read."""
        return self._settle(Trial(self._number, "invalid", origin, reason=reason[:_MAX_REASON]))

    def _register(self, read: Callable[[], Architecture], draft: Trial) -> Trial:
        try:
            architecture = read()
            self.space.check_resolution(architecture, self.task)
        except SchemaError as error:
            return self._settle(replace(draft, state="invalid", reason=str(error)))
        fingerprint = architecture.fingerprint(self.task.stem_channels)
        trial = replace(draft, architecture=architecture, fingerprint=fingerprint)
        known = self.index.get(trial.id)
        if known is not None and known.fingerprint == fingerprint:
            return known  # this very proposal, taken up again after an interruption
        earlier = self.index.first_with(fingerprint)
        if earlier is not None:
            reason = f"the same network as {earlier.id} (equal canonical form)"
            return self._settle(replace(trial, state="duplicate", reason=reason))
        self.index.put(trial)
        return trial

    def assess(self, candidate_id: str) -> Assessment:
        """Exact costs and violations of a candidate; the latest one is remembered."""
        if self._assessed is None or self._assessed[0] != candidate_id:
            architecture = _architecture(self.find(candidate_id))
            known = self.index.fingerprints
            violations = find_violations(architecture, self.space, self.task, self.budget, excluded=known)
            self._assessed = candidate_id, Assessment(report(architecture, self.task), violations)
        return self._assessed[1]

    def judge(self, candidate_id: str) -> Trial:
        """The trial with its costs; recorded as "rejected" when a constraint is violated."""
        trial = self.find(candidate_id)
        if trial.state != "proposed":
            return trial
        assessment = self.assess(candidate_id)
        priced = replace(trial, costs=plain_costs(assessment.report.price))
        if assessment.violations:
            violations = tuple(violation.to_dict() for violation in assessment.violations)
            # the cheapest edits cure every violation at once: telling them once is enough
            told = enumerate(assessment.violations)
            reason = " ".join(violation.sentence(with_edits=index == 0) for index, violation in told)
            return self._settle(replace(priced, state="rejected", violations=violations, reason=reason))
        self.index.put(priced)
        return priced

    def train_ahead(self, candidate_ids: Sequence[str]) -> None:
        """Let legal candidates be trained at once where the workshop can; `mini_train` then settles each of them."""
        trials = [trial for candidate_id in candidate_ids if (trial := self.judge(candidate_id)).state == "proposed"]
        self._contests = set_contests(trials, self.trials, self._halving, batch=candidate_ids)
        if len(trials) > 1:
            waiting = [(trial.id, _architecture(trial), self._contests.get(trial.id)) for trial in trials]
            self._workshop.train_ahead(waiting)

    def mini_train(self, candidate_id: str) -> Trial:
        """The trial after its mini-phase, recorded: "trained" with validation accuracy, "stopped" or "failed"."""
        trial = self.judge(candidate_id)
        if trial.state == "rejected":
            raise ProposalError(f"mini_train takes a legal candidate; {candidate_id} was rejected: {trial.reason}")
        if trial.state == "untrained":
            raise ProposalError(f"mini_train takes an open candidate; {candidate_id} was left: propose another")
        if trial.state != "proposed":
            return trial
        result = self._workshop.mini(candidate_id, _architecture(trial), self._contests.get(candidate_id))
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
        self._workshop.forget(candidate_id, "mini")
        return settled

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
        return self._workshop.full(candidate_id, _architecture(self.find(candidate_id)))

    def distill(self, candidate_id: str) -> TrainedPhase:
        """The outcome of distillation of the fully trained candidate from the teacher."""
        return self._workshop.distill(candidate_id, _architecture(self.find(candidate_id)))

    def records(self, outcomes: Mapping[str, Mapping[str, Any]] | None = None) -> RunRecords:
        """The read model of the run so far; `outcomes` are those of the delivery, phase by phase."""
        return RunRecords(
            trials=tuple(trial for trial in self.trials if trial.state != "proposed" or trial.costs is not None),
            space=self.space,
            task=self.task,
            budget=self.budget,
            board=self.board,
            num_images=self._num_images,
            outcomes=outcomes or {},
        )

    def require_fit(self, candidate_id: str) -> None:
        """Raise CheckError, with figures, when a candidate's estimated costs exceed the board or the memory budget."""
        over = [found for found in self.assess(candidate_id).violations if found.constraint != "macs"]
        if over:
            raise CheckError(f"{candidate_id} does not fit {self.board.name}: {over[0].sentence()}")

    def export(self, explanation: Explanation, records: RunRecords, *, folder: Path | None = None) -> dict[str, Any]:
        """The metrics of the explained candidate's delivery; `folder` defaults to the store's delivery folder."""
        candidate_id = explanation.candidate
        limits = DeliveryLimits(
            board_name=self.board.name,
            ram_bytes=self.board.arena_bytes,
            flash_bytes=self.budget.flash_bytes,
            peak_sram_bytes=self.budget.peak_sram_bytes,
        )
        order = DeliveryOrder(
            candidate_id=candidate_id,
            architecture=_architecture(self.find(candidate_id)),
            limits=limits,
            estimated=self.assess(candidate_id).report.to_dict(),
            explanation=write_markdown(explanation, records),
            folder=folder or self.store.delivery_folder(candidate_id),
        )
        return self._workshop.deliver(order)


def _architecture(trial: Trial) -> Architecture:
    if trial.architecture is None:
        raise ProposalError(f"candidate {trial.id} has no architecture: {trial.reason}")
    return trial.architecture
