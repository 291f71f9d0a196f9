"""A trial: one proposed architecture with everything the run learned about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nas.architecture import Architecture, Stage
from nas.cost import Price
from nas.space import Edit

WHAT_IF = "what_if"  # the origin of a network that was trained to answer a question, outside the search
TrialState = Literal["proposed", "invalid", "duplicate", "rejected", "untrained", "trained", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal and its outcome; every field is JSON-safe through `to_dict`.

    `number` counts proposals from 1. `costs` holds the prices of `nas.cost.Price` by name (bytes and counts).
    `validation_accuracy` is a fraction. A trial in state "proposed" is new or legal and waits; it is never on disk. An
    "untrained" one was legal, but an autonomous designer went on without training it. A
    "stopped" one ended its mini-phase early: its curve is all that is known of its accuracy.
    """

    number: int
    state: TrialState
    origin: str
    architecture: Architecture | None = None
    fingerprint: str | None = None
    parent: str | None = None
    edits: tuple[Edit, ...] = ()
    costs: Mapping[str, int] | None = None
    violations: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""
    validation_accuracy: float | None = None
    curve: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The candidate id, for example "c007"; "w007" for a what-if."""
        return f"{'w' if self.origin == WHAT_IF else 'c'}{self.number:03d}"

    def to_dict(self) -> dict[str, Any]:
        """One line of trials.jsonl."""
        data = asdict(self)
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
        fields["violations"] = tuple(fields["violations"])
        fields["curve"] = tuple(fields["curve"])
        return cls(**fields)


def plain_costs(price: Price) -> dict[str, int]:
    """The prices a trial keeps, by name."""
    return {
        "macs": price.macs,
        "params": price.params,
        "head_bytes": price.head_bytes,
        "tail_bytes": price.tail_bytes,
        "arena_bytes": price.arena_bytes,
        "host_arena_bytes": price.host_arena_bytes,
        "tflite_bytes": price.tflite_bytes,
        "flash_bytes": price.flash_bytes,
    }
