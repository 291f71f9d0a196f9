"""What a question mentions: candidates, stages, and changes of fields with the values they would take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from nas.architecture import Architecture
from nas.records import RunRecords
from nas.space import Choice, Edit, SearchSpace
from nas.trial import Trial

_ID = re.compile(r"\b(?:([cw])\s?-?|candidate\s+(?:number\s+|no\.?\s*)?)0*(\d{1,5})\b", re.I)
_Value = TypeVar("_Value", Choice, int, None)
_STAGE = re.compile(r"\b(?:stages?|st)\s*#?\s*(\d+(?:\s*(?:,|and|&|\+|to|-)\s*\d+)*)", re.I)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
_STAGE_WORDS = re.compile(r"\b(first|second|third|fourth|fifth|sixth|last|final)\s+stage\b", re.I)
_ALL_STAGES = re.compile(
    r"\b(?:everywhere|(?:all|every|each)(?: of)?(?: the)?(?: \w+)? stages?|throughout|whole net\w*)\b", re.I
)

_TO = (
    r"(?:\s*(?:of|size|sizes|to|at|=|:|as|ratio|factor|is|was|were|be|with|a|the|from|by|count|width|per)\b"
    r"|\s*=|\s*:)*\s*"
)
_ARROW = r"(?:\s*(?:->|=>|to|into|instead of)\s*(\d+(?:\.\d+)?))?"


@dataclass(frozen=True, slots=True)
class Wish:
    """A change of one field: to a value, or one step "up" or "down". `stages` is empty where none was named."""

    field: str
    value: Choice | None
    step: int
    stages: tuple[int, ...]
    place: int


def _compile(patterns: Sequence[tuple[str, _Value, str]]) -> tuple[tuple[str, _Value, re.Pattern[str]], ...]:
    return tuple((field, value, re.compile(pattern, re.I)) for field, value, pattern in patterns)


_SE = r"(?:se\b|squeeze[- ]?(?:and|&|n)?[- ]?excit\w*|squeeze\b|attention)"
_SKIP = r"(?:skips?|skip[- ]?connections?|residuals?(?: connections?)?|shortcuts?)"
_CHANNELS = r"(?:channels?|filters|width)"
_DEPTH = r"(?:blocks?|layers?)"
_GAP = r"(?:\s+(?:the|a|an|any|all|its?|of|that|this))*\s+"
_OFF = (
    r"(?:no|without|drop\w*|remov\w*|disabl\w*|delet\w*|turn\w* off|get(?:ting)? rid of|leav\w* out|omit\w*|kill\w*"
    r"|strip\w*|switch\w* off|lose|cut(?:ting)?(?: out)?|skip(?:ping)? the)"
)
_ON = r"(?:add\w*|with|enabl\w*|turn\w* on|us(?:e|ing)|put\w*|includ\w*|have|had)"
_GONE = r"(?:\s+\w+)?\s+(?:off|away|out|removed|dropped|disabled)\b"
_MORE = r"\b(?:more|extra|additional|another|increas\w+|rais\w+|bump\w*|grow\w*|doubl\w+|add\w*)"
_FEWER = r"\b(?:fewer|less|reduc\w+|lower\w*|shrink\w*|halv\w+|cut\w*|decreas\w+|remov\w+|drop\w*)"
_LARGER = r"\b(?:larger|bigger|wider|higher|more|increas\w+)"
_SMALLER = r"\b(?:smaller|tinier|lower|less|reduc\w+|shrink\w*)"
_OF = r"(?:\s+(?:the|up|output|out|its|number of|a|one|more|in))*\s+"

# what a phrase wishes: a group holds the value, the last one that matched counts ("5 -> 3")
_VALUES = _compile((
    ("kernel_size", None, r"\b(\d+)\s*(?:x|by)\s*\1\b"),
    ("kernel_size", None, rf"\b(?:kernel|filter)s?(?:[_ ]sizes?)?{_TO}(\d+){_ARROW}"),
    ("kernel_size", None, r"\bk\s?=?\s?(\d)\b"),
    ("kernel_size", None, r"\b(\d+)[- ](?:wide |pixel )?(?:kernel|filter)s?\b(?! channels)"),
    ("stride", None, rf"\bstrides?{_TO}(\d+){_ARROW}"),
    ("expansion", None, rf"\bexpan(?:sion|d)s?(?:[_ ](?:factor|ratio))?{_TO}(\d+){_ARROW}"),
    ("expansion", None, r"\b(\d+)x? expansion\b"),
    ("out_channels", None, rf"\b(?:out[_ ]?channels?|{_CHANNELS})(?:\s+count)?{_TO}(\d+){_ARROW}"),
    ("out_channels", None, rf"\b(\d+)(?:\s+(?:output|out))?[- ](?:{_CHANNELS}|wide)\b"),
    ("se_ratio", None, rf"\b{_SE}(?:[_ ]ratio)?{_TO}(\d*\.\d+|0(?!\.)){_ARROW}"),
    ("num_blocks", None, rf"\b(?:num[_ ]?blocks|depth|{_DEPTH})(?:\s+count)?{_TO}(\d+){_ARROW}"),
    ("num_blocks", None, rf"\b(\d+)(?:\s+(?:repeated|repeats? of))?\s+(?:{_DEPTH}|repeats)\b"),
    ("activation", None, r"\b(swish|silu|leaky[ _-]?relu|leaky|relu6?)\b"),
    ("block", None, r"\b(mb[ -]?conv\w*|inverted (?:residual|bottleneck)s?)\b"),
    ("block", None, r"\b(dw[ -]?sep\w*|depth[- ]?wise(?:[- ]separable)?(?: conv\w*)?)\b"),
))  # fmt: skip
_SWITCHES = _compile((
    ("se_ratio", 0, rf"\b{_OFF}{_GAP}{_SE}"),
    ("se_ratio", 0, rf"\b{_SE}{_GONE}"),
    ("se_ratio", 0.25, rf"\b{_ON}{_GAP}{_SE}(?!\s*(?:ratio)?{_TO}\d*\.\d)"),
    ("skip", False, rf"\b{_OFF}{_GAP}{_SKIP}"),
    ("skip", True, rf"\b{_ON}{_GAP}{_SKIP}"),
    ("skip", False, rf"\b{_SKIP}{_GONE}"),
))  # fmt: skip
_STEPS = _compile((
    ("out_channels", 1, rf"{_MORE}{_OF}{_CHANNELS}\b|\bwider\b(?! {_DEPTH}| kernel)"),
    ("out_channels", -1, rf"{_FEWER}{_OF}{_CHANNELS}\b|\b(?:narrower|thinner)\b"),
    ("kernel_size", 1, rf"{_LARGER}(?:\s+the)?\s+(?:kernels?|filters?)\b"),
    ("kernel_size", -1, rf"{_SMALLER}(?:\s+the)?\s+(?:kernels?|filters? size)\b"),
    ("num_blocks", 1, rf"{_MORE}{_OF}{_DEPTH}\b|\bdeeper\b"),
    ("num_blocks", -1, rf"{_FEWER}{_OF}{_DEPTH}\b|\bshallower\b"),
    ("expansion", 1, rf"{_LARGER}(?:\s+the)?\s+expansion\b"),
    ("expansion", -1, rf"{_SMALLER}(?:\s+the)?\s+expansion\b"),
))  # fmt: skip
_SPELLED = (
    "activation", "blocks", "channels", "channel", "depthwise", "expansion", "excitation", "kernel", "layers",
    "leaky", "memory", "residual", "runner", "separable", "smallest", "squeeze", "stage", "stages", "stride", "swish",
    "winner", "without", "accurate",
)  # fmt: skip
_TYPOS_FROM = 5  # letters; shorter words are too near to each other
_LIKENESS = 0.84
_ACTIVATIONS = {"swish": "swish", "silu": "swish", "relu": "relu6", "relu6": "relu6"}


def mend_typos(question: str) -> str:
    """The question with misspelled words mended that the rules of this file must read, where one is near enough."""

    def mend(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word in _SPELLED or len(word) < _TYPOS_FROM:
            return match[0]
        near = difflib.get_close_matches(word, _SPELLED, n=1, cutoff=_LIKENESS)
        # a word that only begins like a known one ("trainer") is a word of its own
        return near[0] if near and abs(len(near[0]) - len(word)) <= 1 and near[0][0] == word[0] else match[0]

    return re.sub(r"[A-Za-z]+", mend, question)


def names_a_change(question: str) -> bool:
    """Whether a question speaks of a field with a value it has or might take, or of a step up or down."""
    return bool(find_wishes(question, 1))


def find_candidates(question: str) -> list[str]:
    """Candidate ids in the order in which they are named, as the run spells them ("c7" is c007)."""
    return list(dict.fromkeys(f"{(match[1] or 'c').lower()}{int(match[2]):03d}" for match in _ID.finditer(question)))


def find_stages(text: str, num_stages: int) -> tuple[int, ...]:
    """Numbers of the stages that a text names, whether they exist or not."""
    found: list[int] = []
    for match in _STAGE.finditer(text):
        found += [int(number) for number in re.findall(r"\d+", match[1])]
    for match in _STAGE_WORDS.finditer(text):
        found.append(_ORDINALS.get(match[1].lower(), num_stages))
    return tuple(dict.fromkeys(found))


def find_wishes(question: str, num_stages: int) -> list[Wish]:
    """The changes a question speaks of, in its order; each belongs to the nearest stage named in its part."""
    text = _ID.sub(lambda match: " " * len(match[0]), question)
    spans: list[tuple[int, int]] = []
    wishes: list[Wish] = []

    def take(match: re.Match[str], field: str, value: Choice | None, step: int = 0) -> None:
        start, end = match.span()
        if any(start < other_end and other_start < end for other_start, other_end in spans):
            return
        spans.append((start, end))
        stages = _stages_near(text, start, end, num_stages)
        wishes.append(Wish(field, value, step, stages, start))

    masked = _STAGE.sub(lambda match: match[0][:1] + "_" * (len(match[0]) - 1), text)
    for name, switch, pattern in _SWITCHES:
        for match in pattern.finditer(masked):
            take(match, name, switch)
    for name, _, pattern in _VALUES:
        for match in pattern.finditer(masked):
            words = [group for group in match.groups() if group]
            word = words[0] if "instead of" in match[0].lower() else words[-1]
            take(match, name, _read_value(name, word))
    for name, step, pattern in _STEPS:
        for match in pattern.finditer(masked):
            take(match, name, None, step)
    return sorted(wishes, key=lambda wish: wish.place)


def _read_value(field: str, word: str) -> Choice:
    lowered = re.sub(r"[ _-]+", " ", word.lower())
    if field == "activation":
        return _ACTIVATIONS.get(lowered, "leaky_relu")
    if field == "block":
        return "DWSepConv" if lowered.startswith(("dw", "depth")) else "MBConv"
    if field == "se_ratio":
        ratio = float(word)
        return ratio if ratio else 0
    return int(float(word))


def _stages_near(text: str, start: int, end: int, num_stages: int) -> tuple[int, ...]:
    """The stages of the part of the question in which a phrase stands; () where the whole question names none.

    Parts end at commas and at "and" that is followed by another phrase with a stage of its own.
    """
    if _ALL_STAGES.search(text):
        return tuple(range(1, num_stages + 1))
    parts = [
        (match.start(), match.end())
        for match in re.finditer(r"(?:(?!,|;|\band\b(?!\s*\d)|\bplus\b|\bwhile\b).)+", text, re.S | re.I)
    ]
    inside = [index for index, (first, last) in enumerate(parts) if first < end and start < last]
    order = [*inside, *range(inside[-1] + 1, len(parts)), *reversed(range(inside[0]))] if inside else []
    for index in order:
        first, last = parts[index]
        if found := find_stages(text[first:last], num_stages):
            return found
    return find_stages(text, num_stages)


def resolve_edits(wishes: Sequence[Wish], architecture: Architecture, space: SearchSpace) -> list[Edit]:
    """The edits of a network that wishes mean: without a stage named, every stage where something would change.

    A value outside the space is kept as it is: the space says what is wrong with it.
    """
    edits: dict[tuple[int, str], Edit] = {}
    for wish in wishes:
        stages = wish.stages or tuple(range(1, len(architecture.stages) + 1))
        for number in stages:
            if not 1 <= number <= len(architecture.stages):
                edits[number, wish.field] = Edit(number, wish.field, wish.value if wish.value is not None else 0)
                continue
            value = wish.value if wish.value is not None else _step(architecture, space, number, wish)
            present = getattr(architecture.stages[number - 1], wish.field)
            if value is None or (not wish.stages and (value == present or present is None)):
                continue
            edits[number, wish.field] = Edit(number, wish.field, value)
    return list(edits.values())


def _step(architecture: Architecture, space: SearchSpace, number: int, wish: Wish) -> Choice | None:
    """The next value of a field in a direction; None at the end of the space."""
    choices = space.choices(wish.field)
    present = getattr(architecture.stages[number - 1], wish.field)
    if present not in choices:
        return None
    index = choices.index(present) + wish.step
    return choices[index] if 0 <= index < len(choices) else None


_ROLES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (role, re.compile(pattern, re.I))
    for role, pattern in (
        ("winner", r"\b(?:winn(?:er|ing)|won|delivered|selected|chosen|final|deployed|exported|picked|shipped)\b"),
        ("accuracy", r"\b(?:best|most accurate|top|highest accuracy)\b(?! (?:of|by))"),
        ("params", r"\b(?:smallest|tiniest|lightest|fewest (?:parameters|params|weights))\b"),
        ("macs", r"\b(?:cheapest|fastest|lowest[- ]macs?|fewest (?:macs|ops|operations))\b"),
        ("peak_sram", r"\b(?:least (?:memory|ram|sram)|lowest (?:memory|ram|sram))\b"),
    )
)  # fmt: skip


def find_role(question: str, records: RunRecords) -> Trial | None:
    """The candidate that a question means by what it is: the winner, the smallest, the cheapest, the best one."""
    for role, pattern in _ROLES:
        if pattern.search(question) and records.trained:
            if role == "winner":
                return default_candidate(records)
            if role == "accuracy":
                return records.trained[0]
            name = {"params": "params", "macs": "macs", "peak_sram": "arena_bytes"}[role]
            return min(records.trained, key=lambda trial: ((trial.costs or {})[name], trial.number))
    return None


def default_candidate(records: RunRecords) -> Trial | None:
    """Whom a question means that names nobody: the selected candidate, else the most accurate one."""
    if records.winners and (winner := records.get(records.winners[0])) is not None:
        return winner
    return records.trained[0] if records.trained else None
