"""One function per topic: the tool calls that answer a question, or none if the topic does not apply to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from graphs.inquiry.entities import default_candidate, find_role
from graphs.inquiry.question import POINTS_BACK, Question
from nas.search.trial import Trial

ToolCall = Mapping[str, Any]  # tool: its name; args

_PARENT = re.compile(r"\bparent\b", re.I)
_RUNNER_UP = re.compile(r"\b(?:runner[- ]?up|second(?:[- ]best)?(?! stage)|next[- ]best|number 2)\b", re.I)
_BETWEEN = re.compile(r"\b(?:versus|vs\.?|than|and|with|against|to|over)\b", re.I)
_LOW = re.compile(r"\b(?:small|tin|light|low|few|least|cheap|min|worst)", re.I)
_OBJECTIVES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.I))
    for name, pattern in (
        ("peak_sram", r"\b(?:s?ram|memory|arena|peak|footprint)\b"),
        ("flash", r"\b(?:flash|storage|rom|file)\b"),
        ("macs", r"\b(?:m?macs?|ops|operations|comput\w+|multipl\w+|cheapest)\b"),
        ("params", r"\b(?:param\w*|weights?|size|small\w*|tin\w+|light\w+|big\w*|large\w*|heav\w+)\b"),
    )
)


def call_of(tool: str, **args: Any) -> ToolCall:
    """A call of the tool with these arguments."""
    return {"tool": tool, "args": args}


def _about(asked: Question, tool: str) -> list[ToolCall]:
    """A call of a tool about a network; a proposal that never became one is explained by its verdict."""
    if asked.subject is None:
        return []
    if asked.trial is not None and asked.trial.architecture is None:
        return [call_of("tell_verdict", candidate_id=asked.subject)]
    return [call_of(tool, candidate_id=asked.subject)]


def _why(asked: Question) -> list[ToolCall]:
    trial = asked.trial
    if trial is not None and trial.state != "trained":
        return [call_of("tell_verdict", candidate_id=trial.id)]
    return _about(asked, "explain")


def _verdict(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return [call_of("tell_verdict", candidate_id=candidate) for candidate in asked.candidates[:2]]
    if asked.meant is not None or (asked.focus.candidate and POINTS_BACK.search(asked.text)):
        return [call_of("tell_verdict", candidate_id=asked.subject)]
    return [call_of("count_outcomes")]


def _what_if(asked: Question) -> list[ToolCall]:
    if not asked.intents or asked.subject is None:
        return []
    if asked.trial is not None and asked.trial.architecture is None:
        return [call_of("tell_verdict", candidate_id=asked.subject)]
    if asked.trial is None:
        return [call_of("tell_verdict", candidate_id=asked.subject)]
    if any(asked.changes(edit) for edit in asked.edits):
        edits = [edit.to_dict() for edit in asked.edits]
        return [call_of("price_edits", candidate_id=asked.subject, edits=edits)]
    intended = tuple(
        stage for intent in asked.intents for stage in intent.stages
    )  # the network already is what the question intends
    stages = dict.fromkeys(intended or asked.stages or range(1, asked.records.space.num_stages + 1))
    return [call_of("describe_stage", candidate_id=asked.subject, stage=number) for number in stages]


def _train(asked: Question) -> list[ToolCall]:
    if asked.edits:
        edits = [edit.to_dict() for edit in asked.edits]
        return [call_of("train_what_if", candidate_id=asked.subject, edits=edits)]
    if asked.focus.tool == "price_edits":
        return [call_of("train_what_if", **asked.focus.args)]
    return []


def _compare(asked: Question) -> list[ToolCall]:
    pair = list(asked.candidates[:2]) or [trial.id for trial in _find_meant_pair(asked)]
    if len(pair) == 1 and asked.focus.candidate not in (None, *pair) and POINTS_BACK.search(asked.text):
        pair.insert(0, str(asked.focus.candidate))
    if len(pair) == 1:
        pair += [trial.id for trial in _find_others(asked, pair[0])]
    if len(pair) < 2:
        pair = [trial.id for trial in asked.records.trained[:2]]
    return [call_of("compare_candidates", first=pair[0], second=pair[1])] if len(pair) >= 2 else []


def _find_meant_pair(asked: Question) -> list[Trial]:
    """Two candidates named by their roles: "best against smallest", "the winner and the runner-up"."""
    winner, trained = default_candidate(asked.records), asked.records.trained
    if winner is not None and _RUNNER_UP.search(asked.text):
        return [winner, *(trial for trial in trained if trial.id != winner.id)][:2]
    parts = _BETWEEN.split(asked.text)
    meant = [trial for part in parts if (trial := find_role(part, asked.records)) is not None]
    return list({trial.id: trial for trial in meant}.values())[:2]


def _find_others(asked: Question, one: str) -> list[Trial]:
    """What to compare a single candidate with: its parent, the runner-up, one named by role, the winner, any other."""
    records, trial = asked.records, asked.records.get(one)
    parent = records.get(trial.parent) if trial is not None and trial.parent else None
    others = [parent if _PARENT.search(asked.text) else None]
    others += list(records.trained[1:2]) if _RUNNER_UP.search(asked.text) else []
    others += [asked.meant, default_candidate(records), *records.trained]
    return [other for other in others if other is not None and other.id != one]


def _how_sure(asked: Question) -> list[ToolCall]:
    return [call_of("tell_accuracy", candidate_id=asked.subject)] if asked.subject else []


def _limits(asked: Question) -> list[ToolCall]:
    calls = _about(asked, "tell_limits")
    if calls and asked.trial is not None and asked.trial.state == "rejected":
        calls.append(call_of("tell_verdict", candidate_id=asked.subject))
    return calls


def _memory(asked: Question) -> list[ToolCall]:
    return _about(asked, "estimate_peak_sram")


def _compute(asked: Question) -> list[ToolCall]:
    return _about(asked, "estimate_macs")


def _stage(asked: Question) -> list[ToolCall]:
    """The stages named; if with a value that a stage does not have, also what that value would do there."""
    calls = _about(asked, "explain")
    if not calls or calls[0]["tool"] == "tell_verdict" or not asked.stages:
        return calls
    described = [call_of("describe_stage", candidate_id=asked.subject, stage=number) for number in asked.stages]
    return described + [call for call in _what_if(asked) if call not in described]


def _rank(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return []
    by = next((name for name, pattern in _OBJECTIVES if pattern.search(asked.text)), "accuracy")
    is_low = _LOW.search(asked.text) is not None
    return [call_of("rank_candidates", by=by, lowest=is_low)]


def _front(asked: Question) -> list[ToolCall]:  # noqa: ARG001  # every topic's function takes the question
    return [call_of("pareto_status")]


def _counts(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return [call_of("tell_verdict", candidate_id=asked.candidates[0])]
    return [call_of("count_outcomes")]


def _delivery(asked: Question) -> list[ToolCall]:
    delivered = asked.records.delivered
    named = asked.candidates[0] if asked.candidates else asked.meant.id if asked.meant else None
    candidate = named or next(iter(delivered), asked.subject)
    return [call_of("tell_delivery", candidate_id=candidate)] if candidate else []


def _run(asked: Question) -> list[ToolCall]:  # noqa: ARG001  # as above
    return [call_of("tell_run")]


CALLS: Mapping[str, Callable[[Question], list[ToolCall]]] = {
    "why": _why,
    "verdict": _verdict,
    "what_if": _what_if,
    "train": _train,
    "compare": _compare,
    "how_sure": _how_sure,
    "limits": _limits,
    "memory": _memory,
    "compute": _compute,
    "stage": _stage,
    "rank": _rank,
    "front": _front,
    "counts": _counts,
    "delivery": _delivery,
    "run": _run,
}
