"""How people write candidates, stages and "all stages": one reading of it for questions, answers and claims."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nas.search.trial import format_candidate_id

# "c007", "c7", "C 7", "c-7"; "w003" ("w 3" is a width); "candidate 7", "trial no. 7", "number 7" ("number 1 of 5" is a
# rank). "c7.5" and "number 12%" name no candidate.
CANDIDATE = re.compile(
    r"\b(?:c\s?-?|(w)(?=\d{3})|(?:candidate|proposal|trial)\s+(?:number\s+|no\.?\s*|#)?"
    r"|number\s+(?!\d+\s+(?:of|by)\b))0*(\d{1,5})\b(?!\.\d|\s?%)",
    re.I,
)

_NEXT = r"(?:\s*stages?)?\s*(?:1[0-2]|[1-9])"
# a number that counts or measures something is not a stage: "in stage 2, 3 blocks", "stage 2, 4 KiB"
_NO_COUNT = (
    r"(?!\d|[.,]\d|\s*(?:in\b|for\b|x\b|x\d|\u00d7|by\b|%|percent|point|channel|filter|block|layer|kernel|epoch|image"
    r"|second|byte|[kmg]i?b\b|[mk]\b|m?macs\b|million|param|ms\b))"
)
_AND = r",\s*and|,|and|&|\+|-|\u2013"
# "stages 1 to 3" are three stages, "stage 1 to 3" is a value for one ("set the stride of stage 1 to 2")
STAGE = re.compile(
    rf"\b(?:stages\s*#?\s*(\d+(?:\s*(?:{_AND}|to\b|through\b){_NEXT}{_NO_COUNT})*)"
    rf"|(?:stage|st)\s*#?\s*(\d+(?:\s*(?:{_AND}){_NEXT}{_NO_COUNT})*))",
    re.I,
)
_NUMBERS = re.compile(r"(\d+)(?:\s*(?:-|\u2013|to|through)\s*(?:stages?\s*)?(\d+))?", re.I)

_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "1st": 1, "2nd": 2, "3rd": 3}
_STAGE_WORD = re.compile(rf"\b({'|'.join(_ORDINALS)}|\dth|last|final)\s+stage\b", re.I)

_ALL_STAGES = re.compile(
    r"\b(?:everywhere|(?:all|every|each|both)(?: of)?(?: the)?(?: \w+)? stages?|throughout|whole net\w*)\b", re.I
)
_BETWEEN = re.compile(r"[\s:,]|'s\b|\bof\b|\bthe\b|\bin\b", re.I)  # what may accompany the names of a subject


@dataclass(frozen=True, slots=True)
class StageMention:
    """Where a text names stages, and their numbers, whether these exist or not."""

    start: int
    end: int
    stages: tuple[int, ...]


def find_candidates(text: str) -> tuple[str, ...]:
    """The ids of the candidates that a text names, each once and in order, spelled as in the run: "c7" is c007."""
    return tuple(dict.fromkeys(_read_candidate(match) for match in CANDIDATE.finditer(text)))


def _read_candidate(match: re.Match[str]) -> str:
    return format_candidate_id(int(match[2]), is_what_if=match[1] is not None)


def spell_mentions(text: str) -> str:
    """The text with ids as the run spells them and lists of stages as "stages 1+2+3": no clause end splits them."""

    def spell_candidate(match: re.Match[str]) -> str:
        name = _read_candidate(match)
        return match[0] if match[0].lower() == name else name

    def spell_stages(match: re.Match[str]) -> str:
        numbers = list(read_stages(match))
        return f"stages {'+'.join(map(str, numbers))}" if len(numbers) > 1 else match[0]

    return STAGE.sub(spell_stages, CANDIDATE.sub(spell_candidate, text))


def find_stage_mentions(text: str, num_stages: int) -> list[StageMention]:
    """Every mention of stages by number, then every one by word; `num_stages` says which the last one is."""
    found = [StageMention(*match.span(), tuple(read_stages(match))) for match in STAGE.finditer(text)]
    return found + [
        StageMention(*match.span(), (_read_word(match[1].lower(), num_stages),)) for match in _STAGE_WORD.finditer(text)
    ]


def find_stages(text: str, num_stages: int) -> tuple[int, ...]:
    """The numbers of the stages that a text names, each once, whether they exist or not."""
    mentions = find_stage_mentions(text, num_stages)
    return tuple(dict.fromkeys(number for mention in mentions for number in mention.stages))


def read_stages(match: re.Match[str]) -> Iterator[int]:
    """The numbers that a match of STAGE names; "1 to 3" and "1-3" are three."""
    for first, last in _NUMBERS.findall(match[1] or match[2]):
        yield int(first)
        if last:
            yield from range(int(first) + 1, int(last)) if int(first) < int(last) else ()
            yield int(last)


def _read_word(word: str, num_stages: int) -> int:
    return int(word[0]) if word[0].isdigit() else _ORDINALS.get(word, num_stages)


def names_all_stages(text: str) -> bool:
    """Whether a text speaks of every stage; "both stages" are those that it names by number, if it does."""
    match = _ALL_STAGES.search(text)
    return match is not None and not (match[0].lower().startswith("both") and STAGE.search(text))


def read_subject(text: str, num_stages: int) -> tuple[str | None, int] | None:
    """The candidate (None: none is named) and the stage (0: the whole network) that `c007: stage 2` names.

    None for a text that is empty, names several, or says anything else.
    """
    candidates, stages = find_candidates(text), find_stages(text, num_stages)
    rest = _BETWEEN.sub("", _STAGE_WORD.sub("", STAGE.sub("", CANDIDATE.sub("", text))))
    if rest or not text or len(candidates) > 1 or len(stages) > 1:
        return None
    return (candidates[0] if candidates else None), (stages[0] if stages else 0)
