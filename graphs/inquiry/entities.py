"""The entities a question means: misspelled words mended, and candidates named by their roles (the winner)."""

from __future__ import annotations

import difflib
import re

from nas.records.run_records import RunRecords
from nas.search.trial import Trial

_SPELLED = (
    *("accurate", "activation", "blocks", "channel", "channels", "depthwise", "excitation", "expansion", "kernel"),
    *("layers", "leaky", "memory", "residual", "runner", "separable", "smallest", "squeeze", "stage", "stages"),
    *("stride", "swish", "winner", "without"),
)
_DIGITS = {word: str(number) for number, word in enumerate(("two", "three", "four", "five", "six", "seven"), start=2)}
_ONE = re.compile(r"\b(to|of|stage|just|only|stride|depth) one\b", re.I)  # elsewhere it is not a number: "this one"
_PAIR = re.compile(r"\bcandidates\s+(\d+)\s*(?:,|and|&|or|vs\.?)\s*(\d+)\b", re.I)
_TYPOS_FROM = 5  # letters; shorter words are too similar to each other
_LIKENESS = 0.8

_ROLES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (role, re.compile(pattern, re.I))
    for role, pattern in (
        ("runner_up", r"\b(?:runner[- ]?up|second[- ]best|next[- ]best|number 2|second place)\b"),
        ("winner", r"\b(?:winn(?:er|ing)|won|delivered|selected|chosen|final|deployed|exported|picked|shipped)\b"),
        ("accuracy", r"\b(?:best|most accurate|top|highest accuracy)\b(?! (?:of|by))"),
        ("params", r"\b(?:smallest|tiniest|lightest|fewest (?:parameters|params|weights))\b"),
        ("macs", r"\b(?:cheapest|fastest|lowest[- ]macs?|fewest (?:macs|ops|operations))\b"),
        ("arena_bytes", r"\b(?:least (?:memory|ram|sram)|lowest (?:memory|ram|sram))\b"),
    )
)


def mend_spelling(question: str) -> str:
    """The question with number words as digits, and misspellings of words that the rules look for corrected."""

    def mend(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word in _DIGITS:
            return _DIGITS[word]
        if word in _SPELLED or len(word) < _TYPOS_FROM:
            return match[0]
        near = difflib.get_close_matches(word, _SPELLED, n=1, cutoff=_LIKENESS)
        # a word that only begins like a known one ("trainer") is a word of its own
        return near[0] if near and abs(len(near[0]) - len(word)) <= 1 and near[0][0] == word[0] else match[0]

    spelled = _ONE.sub(r"\1 1", re.sub(r"[A-Za-z]+", mend, question))
    return _PAIR.sub(r"c\1 and c\2", spelled)


def find_role(question: str, records: RunRecords) -> Trial | None:
    """The candidate that a question names by its role: the winner, the runner-up, the smallest, the best one."""
    role = next((role for role, pattern in _ROLES if pattern.search(question)), None)
    if role is None or not records.trained:
        return None
    if role == "winner":
        return default_candidate(records)
    if role == "accuracy":
        return records.trained[0]
    if role == "runner_up":
        return next((trial for trial in records.trained if trial is not default_candidate(records)), None)
    return min(records.trained, key=lambda trial: (getattr(trial.priced, role), trial.number))


def default_candidate(records: RunRecords) -> Trial | None:
    """The candidate a question means if it names none: the selected one, else the most accurate one."""
    if records.winners and (winner := records.get(records.winners[0])) is not None:
        return winner
    return records.trained[0] if records.trained else None
