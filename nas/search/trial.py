"""A trial: one proposed architecture with everything the run learned about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nas.cost import Costs, Violation
from nas.errors import ProposalError
from nas.space.architecture import Architecture, Stage
from nas.space.search_space import Edit
from nas.training.results import EpochResult

WHAT_IF = "what_if"  # the origin of a network that was trained to answer a question, outside the search
TrialState = Literal["proposed", "invalid", "duplicate", "rejected", "untrained", "trained", "stopped", "failed"]


def format_candidate_id(number: int, *, is_what_if: bool = False) -> str:
    """The id of proposal `number`: "c007"; "w007" for a what-if."""
    return f"{'w' if is_what_if else 'c'}{number:03d}"


def read_candidate_number(candidate_id: str) -> int:
    """The number in an id that `format_candidate_id` made; raises ValueError for any other text."""
    kind, digits = candidate_id[:1], candidate_id[1:]
    if kind not in ("c", "w") or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f'a candidate id must be "c" or "w" and a number; got {candidate_id!r}')
    return int(digits)


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal and its outcome; every field is JSON-safe through `to_dict`.

    `number` counts proposals from 1. `costs` are known once it has been priced. `validation_accuracy` is a fraction. A
    trial in state "proposed" is new or legal and waiting; it is never on disk. An "untrained" one was legal, but an
    autonomous designer moved on without training it. A "stopped" one ended its mini-phase early: its curve is all that
    is known about its accuracy.
    """

    number: int
    state: TrialState
    origin: str
    architecture: Architecture | None = None
    fingerprint: str | None = None
    parent: str | None = None
    edits: tuple[Edit, ...] = ()
    costs: Costs | None = None
    violations: tuple[Violation, ...] = ()
    reason: str = ""
    validation_accuracy: float | None = None
    curve: tuple[EpochResult, ...] = ()
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The candidate id, for example "c007"; "w007" for a what-if."""
        return format_candidate_id(self.number, is_what_if=self.origin == WHAT_IF)

    @property
    def network(self) -> Architecture:
        """Its architecture; raises ProposalError for a proposal that had none."""
        if self.architecture is None:
            raise ProposalError(f"candidate {self.id} has no architecture: {self.reason}")
        return self.architecture

    @property
    def priced(self) -> Costs:
        """Its costs; raises ValueError for a trial that was never priced."""
        if self.costs is None:
            raise ValueError(f"{self.id} is {self.state} and was not priced")
        return self.costs

    def to_dict(self) -> dict[str, Any]:
        """One line of trials.jsonl."""
        data = asdict(self)
        data["violations"] = tuple(violation.to_dict() for violation in self.violations)
        data["architecture"] = self.architecture.to_dict() if self.architecture else None
        return {"id": self.id} | data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Trial:
        """The trial a line of trials.jsonl describes."""
        fields = {name: value for name, value in data.items() if name != "id"}
        raw = fields["architecture"]
        fields["architecture"] = (
            Architecture(tuple(Stage(**({"expansion": None} | stage)) for stage in raw["stages"])) if raw else None
        )
        fields["edits"] = tuple(Edit(**edit) for edit in fields["edits"])
        fields["violations"] = tuple(Violation.from_dict(one) for one in fields["violations"])
        fields["costs"] = Costs(**fields["costs"]) if fields["costs"] else None
        fields["curve"] = tuple(EpochResult(**epoch) for epoch in fields["curve"])
        return cls(**fields)
