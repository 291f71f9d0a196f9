"""Checks a language model's claims about a candidate against the records: kept, corrected or dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas.explanation.effects import find_effect
from nas.explanation.notation import read_subject
from nas.explanation.statements import Facts, Finding, Quantity, check_text, read_quantities
from nas.plain_text import plain
from nas.quantities import format_accuracy, format_kib, format_macs
from nas.records.explained import CheckedClaim, Verdict
from nas.records.outcomes import CandidateOutcome
from nas.records.run_records import RunRecords
from nas.search.trial import Trial
from nas.space.search_space import STAGE_FIELDS, format_choice

MAX_REASON = 300

_STAGE_FIGURES = ("macs", "params", "macs_share", "params_share")
CANDIDATE_FIELDS = (
    "macs", "params", "peak_sram_bytes", "head_bytes", "tail_bytes", "flash_bytes", "validation_accuracy",
    "full_validation_accuracy", "distilled_validation_accuracy", "teacher_accuracy", "float_test_accuracy",
    "int8_test_accuracy", "epochs", "state", "parent", "on_front", "front_rank",
)  # fmt: skip
CLAIM_FIELDS = (*CANDIDATE_FIELDS, *STAGE_FIELDS, "macs_share", "params_share")


def check_claims(
    records: RunRecords, candidate_id: str, claims: Sequence[Mapping[str, Any]]
) -> tuple[CheckedClaim, ...]:
    """Every claim with its verdict. A value is checked, a reason is kept only if nothing in it is false."""
    facts = {candidate_id: gather_facts(records, candidate_id)}
    return tuple(_check(records, candidate_id, facts, claim) for claim in claims)


def _check(records: RunRecords, candidate_id: str, facts: dict[str, Facts], claim: Mapping[str, Any]) -> CheckedClaim:
    subject, field = plain(claim.get("subject", ""))[:80], plain(claim.get("field", ""))[:80]
    value = claim.get("value")
    read = read_subject(subject, records.space.num_stages)
    about, stage = (read[0] or candidate_id, read[1]) if read else ("", 0)
    known = look_up(records, about, stage, field) if read else None
    if known is None:
        note = "there is no record of that field" if read else "the subject must be a candidate or one of its stages"
        return CheckedClaim(subject, field, value, "dropped", note=note)
    place = f"{about} stage {stage}" if stage else about
    if about not in facts:
        facts[about] = gather_facts(records, about)
    reason, wrong = _keep_reason(plain(claim.get("reason", ""))[:MAX_REASON], about, facts, stage)
    verdict: Verdict = "true" if is_same_value(value, known) else "corrected"
    notes = [f"claimed {format_value(field, value)}"] if verdict == "corrected" else []
    if verdict == "corrected":
        reason = ""  # it argues from a false value
    elif wrong:
        notes.append(f"its reason was dropped: {wrong}")
    return CheckedClaim(place, field, value, verdict, known, reason, "; ".join(notes))


def _keep_reason(reason: str, candidate_id: str, facts: Mapping[str, Facts], stage: int) -> tuple[str, str]:
    """The reason if no statement in it is false or uncheckable, and what was wrong with it."""
    if not reason:
        return "", ""
    findings = check_text(reason, candidate_id, facts, stage or None)
    wrong = [finding for finding in findings if finding.is_true is not True]
    return ("", describe_finding(wrong[0])) if wrong else (reason, "")


def describe_finding(finding: Finding) -> str:
    """What is wrong with a statement."""
    return f'"{finding.text}" ({finding.recorded})'


def look_up(records: RunRecords, candidate_id: str, stage: int, field: str) -> Any:
    """What the records say about a field of a candidate, or of one of its stages; None where they say nothing."""
    trial = records.get(candidate_id)
    if trial is None or trial.architecture is None:
        return None
    if stage:
        return _look_up_stage(records, candidate_id, stage, field)
    outcome = records.outcome(candidate_id)
    full, distill, metrics = outcome.full, outcome.distill, outcome.metrics
    costs = records.costs(candidate_id).price
    ranks = [member.id for member in records.front]
    known: dict[str, Any] = {
        "macs": costs.macs,
        "params": costs.params,
        "peak_sram_bytes": costs.arena_bytes,
        "head_bytes": costs.head_bytes,
        "tail_bytes": costs.tail_bytes,
        "flash_bytes": costs.flash_bytes,
        "validation_accuracy": trial.validation_accuracy,
        "full_validation_accuracy": full.validation_accuracy if full else None,
        "distilled_validation_accuracy": distill.validation_accuracy if distill else None,
        "teacher_accuracy": distill.teacher_accuracy if distill else None,
        "float_test_accuracy": metrics.float_test_accuracy if metrics else None,
        "int8_test_accuracy": metrics.int8_test_accuracy if metrics else None,
        "epochs": len(trial.curve) or None,
        "state": trial.state,
        "parent": trial.parent,
        "on_front": trial.id in ranks,
        "front_rank": ranks.index(trial.id) + 1 if trial.id in ranks else None,
    }
    return known.get(field)


def _look_up_stage(records: RunRecords, candidate_id: str, stage: int, field: str) -> Any:
    architecture = records.architecture(candidate_id)
    if not 1 <= stage <= len(architecture.stages):
        return None
    if field in STAGE_FIELDS:
        return getattr(architecture.stages[stage - 1], field)
    if field not in _STAGE_FIGURES:
        return None
    share = next(share for share in records.costs(candidate_id).stages() if share.stage == stage)
    return getattr(share, field)


def gather_facts(records: RunRecords, candidate_id: str) -> Facts:
    """Every figure that a text about a candidate may name, by unit; empty for a proposal that was not a network."""
    trial = records.get(candidate_id)
    if trial is None or trial.architecture is None:
        return Facts({}, (), ())
    costs, budget = records.costs(candidate_id), records.budget
    price, shares = costs.price, {share.stage: share for share in costs.stages()}
    whole: dict[str, list[float]] = {
        "macs": [price.macs, budget.macs_min, budget.macs_max, budget.macs_max - price.macs],
        "params": [price.params],
        "bytes": [
            *(price.arena_bytes, price.head_bytes, price.tail_bytes, price.host_arena_bytes, price.tflite_bytes),
            *(price.flash_bytes, budget.peak_sram_bytes, budget.flash_bytes, costs.peak.live_bytes),
            *(budget.peak_sram_bytes - price.arena_bytes, budget.flash_bytes - price.flash_bytes),
        ],
        "fraction": [
            price.macs / budget.macs_max,
            price.arena_bytes / budget.peak_sram_bytes,
            price.flash_bytes / budget.flash_bytes,
        ],
        "points": [],
        "epochs": [len(trial.curve)] if trial.curve else [],
        "images": list(records.num_images.values()),
    }
    whole["fraction"] += _list_accuracies(trial, records.outcome(candidate_id))
    whole["fraction"] += [epoch.validation_accuracy for epoch in trial.curve]
    if trial.parent is not None and trial.edits:
        effect = find_effect(records, trial.parent, trial.edits)
        before, after = effect.price_before, effect.price_after
        whole["macs"].append(after.macs - before.macs)
        whole["params"].append(after.params - before.params)
        whole["bytes"].append(after.arena_bytes - before.arena_bytes)
        parent = records.find(trial.parent)
        if parent.validation_accuracy is not None and trial.validation_accuracy is not None:
            whole["points"].append(trial.validation_accuracy - parent.validation_accuracy)
    for other in records.trained:
        if trial.validation_accuracy is not None and other.validation_accuracy is not None:
            whole["points"].append(trial.validation_accuracy - other.validation_accuracy)
    of_stages: list[dict[str, list[float]]] = [
        {
            "macs": [shares[number].macs],
            "params": [shares[number].params],
            "fraction": [shares[number].macs_share, shares[number].params_share],
            "bytes": [shares[number].live_bytes],
        }
        for number in range(1, len(trial.architecture.stages) + 1)
    ]
    return Facts(whole, [stage.to_dict() for stage in trial.architecture.stages], of_stages)


def _list_accuracies(trial: Trial, outcome: CandidateOutcome) -> list[float]:
    """Every accuracy of the network and of its teacher, as fractions."""
    phases, metrics = outcome.phases, outcome.metrics
    reached = [trial.validation_accuracy, *(phase.validation_accuracy for phase in phases)]
    reached += [phase.teacher_accuracy for phase in phases]
    if metrics is not None:
        reached += [metrics.float_test_accuracy, metrics.int8_test_accuracy, metrics.agreement]
    return [figure for figure in reached if figure is not None]


def is_same_value(value: Any, known: Any) -> bool:
    """Whether a claimed value is the recorded one, rounded as it was written."""
    if isinstance(known, bool | str) or isinstance(value, bool):
        spelled = [str(item).strip().lower() for item in (value, known)]
        return isinstance(value, bool | str) and spelled[0] == spelled[1]
    if isinstance(value, str):
        quantities = read_quantities(value)
        return len(quantities) == 1 and _equals(quantities[0], known)
    if not isinstance(value, int | float) or not isinstance(known, float):
        return bool(value == known)
    if abs(known) <= 1 < abs(value):
        return is_same_value(f"{value}%", known)  # a share or an accuracy, in percent
    decimals = len(repr(float(value)).partition(".")[2])
    return abs(value - known) <= min(0.005, 0.5 * 10.0**-decimals) * (1 + 1e-6)


def _equals(quantity: Quantity, known: float) -> bool:
    """A percentage counts as a fraction; a bare number must be exact."""
    return quantity.equals(known) if quantity.unit else abs(quantity.value - known) <= 1e-9


def describe_claim(claim: CheckedClaim) -> str:
    """The claim with the recorded value in place of a false one."""
    figure = format_value(claim.field, claim.recorded)
    return f"{claim.subject}: {claim.field} is {figure}" + (f". {claim.reason}" if claim.reason else ".")


def format_value(field: str, value: Any) -> str:
    """A value with its field's unit."""
    if value is None:
        return "none"
    if not isinstance(value, int | float) or isinstance(value, bool):
        return plain(format_choice(value) if isinstance(value, bool) else value)[:80]
    if field == "macs":
        return format_macs(value)
    if field.endswith("_bytes"):
        return f"{format_kib(value)} ({value:,} bytes)"
    if field.endswith(("accuracy", "_share")):
        return format_accuracy(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
