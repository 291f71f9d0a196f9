"""Is every figure in an answer one that a tool gave, and gave for that candidate?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nas.explanation.notation import find_candidates, spell_mentions
from nas.explanation.statements import Facts, Quantity, check_text, read_quantities

_SEGMENT = re.compile(r"\n|;\s|\.\s|\.$")
_MARKERS = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+", re.M)
_EMPHASIS = re.compile(r"[*_`#|]+")


@dataclass(frozen=True, slots=True)
class Told:
    """What one tool answered, and the candidates it was asked about."""

    text: str
    candidates: tuple[str, ...]


def find_unsupported(answer: str, told: Sequence[Told]) -> list[str]:
    """The figures in an answer that no tool gave, or that were given for another candidate."""
    segments = [segment for item in told for segment in _split(item)]
    wrong: list[str] = []
    for sentence in _SEGMENT.split(spell_mentions(_MARKERS.sub("", _EMPHASIS.sub("", answer)))):
        ids = set(find_candidates(sentence))
        known = [
            quantity
            for owners, quantities in segments
            if not ids or not owners or ids & owners
            for quantity in quantities
        ]
        for quantity in read_quantities(sentence):
            if not any(_is_same(quantity, other) for other in known):
                owner = f" of {', '.join(sorted(ids))}" if ids else ""
                wrong.append(f"{quantity.text}{owner}")
    return wrong


def find_false_statements(answer: str, default: str, facts: Mapping[str, Facts]) -> list[str]:
    """Statements about stages and their fields that the records contradict; figures are `find_unsupported`'s."""
    return [
        f"{finding.text} ({finding.recorded})"
        for finding in check_text(_EMPHASIS.sub("", answer), default, facts)
        if finding.is_true is False and finding.recorded != "no such figure on record"
    ]


def _split(item: Told) -> Iterable[tuple[frozenset[str], list[Quantity]]]:
    for segment in _SEGMENT.split(spell_mentions(item.text)):
        yield frozenset(find_candidates(segment)) | frozenset(item.candidates), read_quantities(segment)


def _is_same(said: Quantity, given: Quantity) -> bool:
    """Equal to the precision of both, in the same unit if both have one, whatever their signs."""
    if said.unit and given.unit and said.unit != given.unit:
        return False
    return abs(abs(said.value) - abs(given.value)) <= max(said.tolerance, given.tolerance)
