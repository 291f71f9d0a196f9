"""The one view of a run that tools, explanations, reports and the conversation query, during the run and afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from nas.cost import Assessment, Budget
from nas.cost.board import Board
from nas.search.trial import Trial
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace

if TYPE_CHECKING:
    from nas.records.run_records import RunRecords


class RunView(Protocol):
    """What can be asked of a run. Its workspace provides it during the run, its records at any time."""

    @property
    def space(self) -> SearchSpace:
        """The search space."""

    @property
    def task(self) -> Task:
        """What the network must read and answer."""

    @property
    def budget(self) -> Budget:
        """The limits."""

    @property
    def board(self) -> Board:
        """The board, which caps them."""

    @property
    def front(self) -> tuple[Trial, ...]:
        """The Pareto front, most accurate first."""

    @property
    def hypervolume(self) -> float:
        """The share in [0, 1] of the box up to the budget's MACs and flash bytes that the front dominates."""

    @property
    def most_accurate(self) -> Trial | None:
        """The trained trial with the best validation accuracy, even if it is not on the front."""

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of proposals with each outcome."""

    def find(self, candidate_id: str) -> Trial:
        """The trial of that id; raises ProposalError for an unknown one."""

    def assess(self, candidate_id: str) -> Assessment:
        """Its exact costs and what they violate, with the cheapest edits; raises ProposalError if not a network."""

    def snapshot(self) -> RunRecords:
        """The records as they stand now."""
