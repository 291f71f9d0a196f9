"""An explanation: the claims a language model chose or made about a design, checked, as data and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nas.explanation.checking import CheckedClaim
from nas.explanation.claims import Claim
from nas.explanation.counterfactuals import describe_briefly, find_counterfactuals
from nas.explanation.facts import describe_costs, describe_origin, describe_place, describe_state, tabulate_stages
from nas.plain_text import plain, plain_markdown
from nas.records.run_records import RunRecords
from nas.search.trial import Trial

NUM_TOLD = 6  # claims of an explanation nobody chose

Mode = Literal["selected", "claimed", "system"]


@dataclass(frozen=True)
class Explanation:
    """Why a candidate is what it is, in at most a page.

    `mode`: a model "selected" among the system's claims, "claimed" by itself and was checked, or nobody was asked
    ("system"; `note` says why). `selected` are the system's claims in the order in which they are told, `checked` the
    model's own, `num_offered` counts the claims the system had derived.
    """

    candidate: str
    mode: Mode
    by: str
    selected: tuple[Claim, ...]
    checked: tuple[CheckedClaim, ...] = ()
    num_offered: int = 0
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as the trace and metrics keep it."""
        return {
            "candidate": self.candidate,
            "mode": self.mode,
            "by": self.by,
            "selected": [claim.to_dict() for claim in self.selected],
            "checked": [claim.to_dict() for claim in self.checked],
            "num_offered": self.num_offered,
            "note": self.note,
        }

    def describe_checks(self) -> str:
        """Where the statements come from and what became of the model's own."""
        by = plain(self.by)
        if self.mode == "system":
            return (
                f"The system chose these statements itself: {plain(self.note)}. Each is derived from the run's records."
            )
        if self.mode == "selected":
            return (
                f"{by} chose and ordered {len(self.selected)} of {self.num_offered} statements that the system derived "
                "from the run's records; it wrote none of their words or figures."
            )
        verdicts = [claim.verdict for claim in self.checked]
        dropped = sum(bool(claim.note) and claim.verdict == "true" for claim in self.checked)
        held, corrected, refused = (verdicts.count(verdict) for verdict in ("true", "corrected", "dropped"))
        return (
            f"{by} made {len(verdicts)} claims; each was compared with the run's records: {held} hold, {corrected} "
            f"were corrected, {refused} were dropped. Reasons are its opinion: every figure and every statement about "
            f"the architecture in them was checked, and {dropped} that failed were left out; whether a cause is the "
            "true one is beyond checking."
        )


def write_markdown(explanation: Explanation, records: RunRecords) -> str:
    """EXPLANATION.md: the chosen statements, what was checked, the counterfactuals, and the plain facts."""
    trial, costs = records.find(explanation.candidate), records.costs(explanation.candidate)
    told = [f"- {plain_markdown(claim.sentence)}" for claim in explanation.selected]
    told = [_describe_checked(claim) for claim in explanation.checked if claim.verdict != "dropped"] + told
    sections = [
        f"# Why {trial.id}",
        " ".join(filter(None, [describe_origin(trial), describe_state(trial), describe_place(trial, records.front)])),
        "## Why this design",
        "\n".join(told) or "Nothing is on record.",
        f"*{plain_markdown(explanation.describe_checks())}*",
        *_describe_refused(explanation.checked),
        "## What else was at hand",
        _describe_counterfactuals(records, trial),
        "## Costs against the limits",
        "\n".join(f"- {line}" for line in describe_costs(costs, records.budget)),
        "## Stage by stage",
        tabulate_stages(trial.architecture, costs),
        "*Every figure above is read from the run's records or computed by its estimators; 1 MAC is one "
        "multiply-accumulate of a convolution or linear layer (batch norm, activations and element-wise products count "
        "0).*",
    ]
    return "\n\n".join(sections) + "\n"


def _describe_counterfactuals(records: RunRecords, trial: Trial) -> str:
    effects = find_counterfactuals(records, trial)
    lines = [
        f"- {effect.describe_edits()}: {effect.describe_change()}; {describe_briefly(effect)}." for effect in effects
    ]
    return "\n".join(["Single changes, priced by the estimators and not trained unless it says so:", "", *lines])


def _describe_checked(claim: CheckedClaim) -> str:
    note = f" *({plain_markdown(claim.note)})*" if claim.verdict == "corrected" else ""
    return f"- {plain_markdown(claim.sentence())}{note}"


def _describe_refused(checked: Sequence[CheckedClaim]) -> list[str]:
    lines = [
        f"- dropped: {plain_markdown(claim.subject)} {plain_markdown(claim.field)}: {plain_markdown(claim.note)}"
        if claim.verdict == "dropped"
        else f"- {plain_markdown(claim.subject)} {plain_markdown(claim.field)}: {plain_markdown(claim.note)}"
        for claim in checked
        if claim.note and claim.verdict != "corrected"
    ]
    return ["### What did not hold", "\n".join(lines)] if lines else []


def read_selection(claims: Sequence[Claim], ids: Sequence[str]) -> tuple[Claim, ...]:
    """The claims of the ids "k1", "k2", ... in the order given, each once; unknown ids are left out."""
    by_id = {f"k{number}": claim for number, claim in enumerate(claims, start=1)}
    return tuple(by_id[name] for name in dict.fromkeys(ids) if name in by_id)


def explain_by_system(candidate_id: str, claims: Sequence[Claim], note: str) -> Explanation:
    """The explanation where no model chose: the first claim of every topic, then more of them."""
    firsts = list({claim.topic: claim for claim in reversed(claims)}.values())
    ordered = [claim for claim in claims if claim in firsts][:NUM_TOLD]
    return Explanation(candidate_id, "system", "", tuple(ordered), num_offered=len(claims), note=note)


def read_explanation(data: Mapping[str, Any]) -> Explanation:
    """The explanation that `to_dict` made a record of."""
    selected = tuple(Claim(topic="", **claim) for claim in data["selected"])
    checked = tuple(CheckedClaim(**claim) for claim in data["checked"])
    kept = {name: data[name] for name in ("candidate", "mode", "by", "num_offered", "note")}
    return Explanation(selected=selected, checked=checked, **kept)
