"""From a question to the tool calls that answer it, without a language model.

A small language model picks the right tool three times in ten. Here a classifier says what a question is about, and one
function a topic turns that and what is mentioned into calls. Neither states a figure: they only choose which tool
speaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphs.inquiry.mentions import default_candidate, find_candidates, find_role, find_stages, mend_spelling
from graphs.inquiry.topics import Topic, load_topics
from graphs.inquiry.wishes import Wish, find_wishes, resolve_edits
from nas.records import RunRecords
from nas.space import Edit
from nas.trial import Trial

ToolCall = Mapping[str, Any]  # tool: its name; args

_SURE = 0.1  # a topic (of 20) that is less likely than this is a guess
_CLOSE = 0.6  # a second topic that is this near to the first is answered, too
_MAX_LEANING_WORDS = 6
_LEANS = re.compile(r"^\s*(?:and|what about|how about|same for|ok|then|also)\b", re.I)
_POINTS_BACK = re.compile(r"\b(?:it|its|it's|this|that|same|there|the (?:network|candidate|model))\b", re.I)
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


@dataclass(frozen=True, slots=True)
class Focus:
    """What the last answer was about, for questions that lean on it ("and c006?", "train it")."""

    candidate: str | None = None
    tool: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """The calls that answer a question; without any, the question is declined for `reason`."""

    calls: tuple[ToolCall, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Question:
    """A question with what it mentions. `subject`: the trial it is about, named, meant or understood."""

    text: str
    records: RunRecords
    focus: Focus
    candidates: tuple[str, ...]
    stages: tuple[int, ...]
    wishes: tuple[Wish, ...]

    @property
    def subject(self) -> str | None:
        """The id of the candidate it is about, also one that does not exist; None where the run has none."""
        if self.candidates:
            return self.candidates[0]
        if (meant := self.meant) is not None:
            return meant.id
        if self.focus.candidate and _POINTS_BACK.search(self.text):
            return self.focus.candidate
        trial = default_candidate(self.records)
        return trial.id if trial else None

    @property
    def meant(self) -> Trial | None:
        """The candidate it names by what it is: the winner, the smallest."""
        return find_role(self.text, self.records)

    @property
    def trial(self) -> Trial | None:
        """The subject's trial."""
        return self.records.get(self.subject) if self.subject else None

    @property
    def edits(self) -> list[Edit]:
        """The edits of the subject that it wishes."""
        trial = self.trial
        if trial is None or trial.architecture is None:
            return []
        return resolve_edits(self.wishes, trial.architecture, self.records.space)

    def changes(self, edit: Edit) -> bool:
        """Whether an edit sets anything that its stage is not already; true for a stage that does not exist."""
        architecture = self.trial.architecture if self.trial else None
        if architecture is None or not 1 <= edit.stage <= len(architecture.stages):
            return True
        return bool(getattr(architecture.stages[edit.stage - 1], edit.field) != edit.value)


def route_question(question: str, records: RunRecords, focus: Focus) -> Route:
    """The route of a question; never raises, whatever the question holds."""
    text = mend_spelling(question)
    if not re.search(r"\w\w", text):
        return Route(reason="there is no question in it")
    count = records.space.num_stages
    wishes = tuple(find_wishes(text, count))
    asked = Question(text, records, focus, tuple(find_candidates(text)), find_stages(text, count), wishes)
    if calls := _lean(asked):
        return Route(tuple(calls))
    ranked = load_topics().rank(text, has_wish=bool(wishes))
    if ranked[0][0].declines:
        return Route(reason=ranked[0][0].declines)
    calls = _take(asked, ranked)
    if not calls:
        return Route(reason="it was not understood; ask it with other words, or ask for one of the things below")
    return Route(tuple(calls))


def _take(asked: Question, ranked: list[tuple[Topic, float]]) -> list[ToolCall]:
    """The calls of the likeliest topic that applies, and of a second one that is nearly as likely."""
    taken: list[ToolCall] = []
    best = 0.0
    for topic, probability in ranked:
        if topic.declines or probability < max(_SURE, _CLOSE * best):
            break
        calls = [call for call in _CALLS[topic.name](asked) if call not in taken]
        if calls and taken:
            return taken + calls
        if calls:
            taken, best = calls, probability
    return taken


def _call(tool: str, **args: Any) -> ToolCall:
    return {"tool": tool, "args": args}


def _about(asked: Question, tool: str) -> list[ToolCall]:
    """A tool about a network; what never was one is explained by its verdict."""
    if asked.subject is None:
        return []
    if asked.trial is not None and asked.trial.architecture is None:
        return [_call("tell_verdict", candidate_id=asked.subject)]
    return [_call(tool, candidate_id=asked.subject)]


def _lean(asked: Question) -> list[ToolCall]:
    """ "And c006?", "and stage 2?": the last question again, about something else."""
    words = asked.text.split()
    is_bare = len(words) <= 2 and (asked.candidates or asked.stages)
    if asked.focus.tool is None or asked.wishes or len(words) > _MAX_LEANING_WORDS:
        return []
    if not (_LEANS.search(asked.text) or is_bare):
        return []
    args = dict(asked.focus.args)
    if asked.candidates and "candidate_id" in args:
        args["candidate_id"] = asked.candidates[0]
    elif asked.candidates and "second" in args:
        args["second"] = asked.candidates[0]
    elif asked.stages and "stage" in args:
        args["stage"] = asked.stages[0]
    else:
        return []
    return [_call(asked.focus.tool, **args)]


# --- one function a topic: the calls that answer the question, or none where the topic does not apply --------------


def _why(asked: Question) -> list[ToolCall]:
    trial = asked.trial
    if trial is not None and trial.state != "trained":
        return [_call("tell_verdict", candidate_id=trial.id)]
    return _about(asked, "explain")


def _verdict(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return [_call("tell_verdict", candidate_id=candidate) for candidate in asked.candidates[:2]]
    if asked.meant is not None or (asked.focus.candidate and _POINTS_BACK.search(asked.text)):
        return [_call("tell_verdict", candidate_id=asked.subject)]
    return [_call("count_outcomes")]


def _what_if(asked: Question) -> list[ToolCall]:
    if not asked.wishes or asked.subject is None:
        return []
    if asked.trial is not None and asked.trial.architecture is None:
        return [_call("tell_verdict", candidate_id=asked.subject)]
    if asked.trial is None:
        return [_call("tell_verdict", candidate_id=asked.subject)]
    if any(asked.changes(edit) for edit in asked.edits):
        edits = [edit.to_dict() for edit in asked.edits]
        return [_call("price_edits", candidate_id=asked.subject, edits=edits)]
    wished = tuple(stage for wish in asked.wishes for stage in wish.stages)  # it is what the question wishes already
    stages = dict.fromkeys(wished or asked.stages or range(1, asked.records.space.num_stages + 1))
    return [_call("describe_stage", candidate_id=asked.subject, stage=number) for number in stages]


def _train(asked: Question) -> list[ToolCall]:
    if asked.edits:
        edits = [edit.to_dict() for edit in asked.edits]
        return [_call("train_what_if", candidate_id=asked.subject, edits=edits)]
    if asked.focus.tool == "price_edits":
        return [_call("train_what_if", **asked.focus.args)]
    return []


def _compare(asked: Question) -> list[ToolCall]:
    pair = list(asked.candidates[:2]) or [trial.id for trial in _find_meant_pair(asked)]
    if len(pair) == 1 and asked.focus.candidate not in (None, *pair) and _POINTS_BACK.search(asked.text):
        pair.insert(0, str(asked.focus.candidate))
    if len(pair) == 1:
        pair += [trial.id for trial in _find_others(asked, pair[0])]
    if len(pair) < 2:
        pair = [trial.id for trial in asked.records.trained[:2]]
    return [_call("compare_candidates", first=pair[0], second=pair[1])] if len(pair) >= 2 else []


def _find_meant_pair(asked: Question) -> list[Trial]:
    """Two candidates by what they are: "best against smallest", "the winner and the runner-up"."""
    winner, trained = default_candidate(asked.records), asked.records.trained
    if winner is not None and _RUNNER_UP.search(asked.text):
        return [winner, *(trial for trial in trained if trial.id != winner.id)][:2]
    parts = _BETWEEN.split(asked.text)
    meant = [trial for part in parts if (trial := find_role(part, asked.records)) is not None]
    return list({trial.id: trial for trial in meant}.values())[:2]


def _find_others(asked: Question, one: str) -> list[Trial]:
    """Whom a single candidate is compared with: its parent, the runner-up, a role, the winner, any other one."""
    records, trial = asked.records, asked.records.get(one)
    parent = records.get(trial.parent) if trial is not None and trial.parent else None
    others = [parent if _PARENT.search(asked.text) else None]
    others += list(records.trained[1:2]) if _RUNNER_UP.search(asked.text) else []
    others += [asked.meant, default_candidate(records), *records.trained]
    return [other for other in others if other is not None and other.id != one]


def _how_sure(asked: Question) -> list[ToolCall]:
    return [_call("tell_accuracy", candidate_id=asked.subject)] if asked.subject else []


def _limits(asked: Question) -> list[ToolCall]:
    calls = _about(asked, "tell_limits")
    if calls and asked.trial is not None and asked.trial.state == "rejected":
        calls.append(_call("tell_verdict", candidate_id=asked.subject))
    return calls


def _memory(asked: Question) -> list[ToolCall]:
    return _about(asked, "estimate_peak_sram")


def _compute(asked: Question) -> list[ToolCall]:
    return _about(asked, "estimate_macs")


def _stage(asked: Question) -> list[ToolCall]:
    """The stages named; with a value that a stage does not have, also what it would do there."""
    calls = _about(asked, "explain")
    if not calls or calls[0]["tool"] == "tell_verdict" or not asked.stages:
        return calls
    described = [_call("describe_stage", candidate_id=asked.subject, stage=number) for number in asked.stages]
    return described + [call for call in _what_if(asked) if call not in described]


def _rank(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return []
    by = next((name for name, pattern in _OBJECTIVES if pattern.search(asked.text)), "accuracy")
    is_low = _LOW.search(asked.text) is not None
    return [_call("rank_candidates", by=by, lowest=is_low)]


def _front(asked: Question) -> list[ToolCall]:  # noqa: ARG001  # every topic's function takes the question
    return [_call("pareto_status")]


def _counts(asked: Question) -> list[ToolCall]:
    if asked.candidates:
        return [_call("tell_verdict", candidate_id=asked.candidates[0])]
    return [_call("count_outcomes")]


def _delivery(asked: Question) -> list[ToolCall]:
    delivered = asked.records.delivered
    named = asked.candidates[0] if asked.candidates else asked.meant.id if asked.meant else None
    whom = named or next(iter(delivered), asked.subject)
    return [_call("tell_delivery", candidate_id=whom)] if whom else []


def _run(asked: Question) -> list[ToolCall]:  # noqa: ARG001  # as above
    return [_call("tell_run")]


_CALLS: Mapping[str, Callable[[Question], list[ToolCall]]] = {
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
