"""An explanation: the claims a language model chose or made about a design, checked, as data and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from nas.explanation.checking import describe_claim
from nas.explanation.counterfactuals import describe_briefly, find_counterfactuals
from nas.explanation.facts import describe_costs, describe_origin, describe_place, describe_state, tabulate_stages
from nas.plain_text import plain, plain_markdown
from nas.records.explained import CheckedClaim, Claim, Explanation
from nas.records.run_records import RunRecords
from nas.search.trial import Trial

NUM_TOLD = 6  # claims in an explanation that no model chose


def describe_checks(explanation: Explanation) -> str:
    """Where the statements come from and what became of the model's own."""
    by = plain(explanation.by)
    if explanation.mode == "system":
        note = plain(explanation.note)
        return f"The system chose these statements itself: {note}. Each is derived from the run's records."
    if explanation.mode == "selected":
        return (
            f"{by} chose and ordered {len(explanation.selected)} of {explanation.num_offered} statements that the "
            "system derived from the run's records; it wrote none of their words or figures."
        )
    verdicts = [claim.verdict for claim in explanation.checked]
    dropped = sum(bool(claim.note) and claim.verdict == "true" for claim in explanation.checked)
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
        f"*{plain_markdown(describe_checks(explanation))}*",
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
    return f"- {plain_markdown(describe_claim(claim))}{note}"


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
