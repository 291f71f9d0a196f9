"""An explanation as the records hold it: the claims a language model chose or made about a design, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from nas.documents.json_records import JsonRecord, read_record
from nas.events import Event

Mode = Literal["selected", "claimed", "system"]
Verdict = Literal["true", "corrected", "dropped"]


@dataclass(frozen=True, slots=True)
class Claim(JsonRecord):
    """A true statement. `subject` ("c011", "c011 stage 2"), `field` and `value` name what it is about, as data.

    `topic` orders the claims of a candidate; it is not kept.
    """

    topic: str
    subject: str
    field: str
    value: Any
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"subject": self.subject, "field": self.field, "value": self.value, "sentence": self.sentence}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The claim that `to_dict` made a record of; raises RecordError for anything else."""
        return read_record(cls, {"topic": ""} | dict(data))


@dataclass(frozen=True, slots=True)
class CheckedClaim(JsonRecord):
    """A claim and what became of it. `recorded` is what the records say, `reason` what is left of the model's words.

    `note` says what was wrong.
    """

    subject: str
    field: str
    value: Any
    verdict: Verdict
    recorded: Any = None
    reason: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Explanation(JsonRecord):
    """Why a candidate is what it is, in at most a page.

    `mode`: a model "selected" among the system's claims, "claimed" by itself and was checked, or none was asked
    ("system"; `note` says why). `selected` are the system's claims in the order in which they are presented, `checked`
    the model's own, `num_offered` counts the claims the system had derived.
    """

    candidate: str
    mode: Mode
    by: str
    selected: tuple[Claim, ...]
    checked: tuple[CheckedClaim, ...] = ()
    num_offered: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explained(Event):
    """A candidate was explained. Its JSON form is the explanation's."""

    kind: ClassVar[str] = "explained"
    explanation: Explanation

    def to_dict(self) -> dict[str, Any]:
        """The `data` of its line."""
        return self.explanation.to_dict()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The event of a line's `data`; raises RecordError for anything else."""
        return cls(Explanation.from_dict(data))
