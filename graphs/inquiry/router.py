"""From a question to the tool calls that answer it, without a language model.

A small language model picks the right tool three times in ten. Here a classifier says what a question is about, and one
function per topic turns that and the entities in the question into calls. Neither states a figure: they only choose
which tool speaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphs.inquiry.calls import CALLS, ToolCall, call_of
from graphs.inquiry.edit_intents import find_intents
from graphs.inquiry.entities import mend_spelling
from graphs.inquiry.question import Focus, Question
from graphs.inquiry.topics import Topic, load_topics
from nas.explanation.notation import find_candidates, find_stages
from nas.records.run_records import RunRecords

_SURE = 0.1  # a topic (of 20) less likely than this is a guess
_CLOSE = 0.6  # a second topic at least this likely, relative to the first, is answered too
_MAX_LEANING_WORDS = 6
_LEANS = re.compile(r"^\s*(?:and|what about|how about|same for|ok|then|also)\b", re.I)


@dataclass(frozen=True, slots=True)
class Route:
    """The calls that answer a question; without any, the question is declined for `reason`."""

    calls: tuple[ToolCall, ...] = ()
    reason: str = ""


def route_question(question: str, records: RunRecords, focus: Focus) -> Route:
    """The route of a question; never raises, whatever the question."""
    text = mend_spelling(question)
    if not re.search(r"\w\w", text):
        return Route(reason="there is no question in it")
    count = records.space.num_stages
    intents = tuple(find_intents(text, count))
    asked = Question(text, records, focus, find_candidates(text), find_stages(text, count), intents)
    if calls := _lean(asked):
        return Route(tuple(calls))
    ranked = load_topics().rank(text, has_intent=bool(intents))
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
        calls = [call for call in CALLS[topic.name](asked) if call not in taken]
        if calls and taken:
            return taken + calls
        if calls:
            taken, best = calls, probability
    return taken


def _lean(asked: Question) -> list[ToolCall]:
    """ "And c006?", "and stage 2?": the last question again, about something else."""
    words = asked.text.split()
    is_bare = len(words) <= 2 and (asked.candidates or asked.stages)
    if asked.focus.tool is None or asked.intents or len(words) > _MAX_LEANING_WORDS:
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
    return [call_of(asked.focus.tool, **args)]
