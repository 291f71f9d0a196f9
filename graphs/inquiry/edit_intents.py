"""Which changes of a network's fields a question speaks of, and the edits they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from nas.explanation.notation import CANDIDATE, STAGE, find_stage_mentions, find_stages, names_all_stages
from nas.space.architecture import Architecture
from nas.space.search_space import Choice, Edit, SearchSpace


@dataclass(frozen=True, slots=True)
class Intent:
    """A change of one field: to a `value`, a `step` up or down, or by a `factor`; `stages` is empty if none was named.

    `place` is its position in the question.
    """

    field: str
    value: Choice | None
    stages: tuple[int, ...] = ()
    place: int = 0
    step: int = 0
    factor: float = 1.0


def _compile(*patterns: tuple[str, Any, str]) -> tuple[tuple[str, Any, re.Pattern[str]], ...]:
    return tuple((field, value, re.compile(pattern, re.I)) for field, value, pattern in patterns)


_SE = r"(?:se(?![a-z0-9])|squeeze[- ]?(?:and|&|n)?[- ]?excit\w*|squeeze\b|attention)"
_SKIP = r"(?:skips?|skip[- ]?connections?|residuals?(?: connections?)?|shortcuts?)"
_CHANNELS = r"(?:channels?|filters|width)"
_DEPTH = r"(?:blocks?|layers?)"
_GAP = r"(?:\s+(?:the|a|an|any|all|its?|of|that|this))*\s+"
# what may stand between a field and its value; "s____" is a stage, masked
_TO = (
    r"(?:\s*(?:of|sizes?|to|at|as|ratio|factor|is|was|were|be|with|a|the|from|by|count|width|per|in|for|s_+|went|goes|"
    r"going|set|changed|increased|reduced|raised|lowered|up|down|like)\b|\s*=|\s*:)*\s*"
)
_NUMBER = rf"(\d+)(?!\d|\.\d|\s*(?:{_CHANNELS}|{_DEPTH}|kernels?)\b)"
_ARROW = r"(?:\s*(?:->|=>|to|into)\s*(\d+(?:\.\d+)?))?"
_OFF = (
    r"(?:no|without|drop\w*|remov\w*|disabl\w*|delet\w*|turn\w* off|get(?:ting)? rid of|leav\w* out|omit\w*|kill\w*"
    r"|strip\w*|switch\w* off|lose|cut(?:ting)?(?: out)?|skip(?:ping)? the)"
)
_ON = r"(?:add\w*|with|enabl\w*|turn\w* on|us(?:e|ing)|put\w*|includ\w*|have|had|about|try\w*|introduc\w*|give|get)"
_WHY_NOT = r"\bwhy\b[^?.]{0,30}?\b(?:no|without|not have|n't have|not use|n't use|not any|n't any)"
_GONE = r"(?:\s+\w+){0,5}?\s+(?:off|away|out|removed|dropped|disabled|gone)\b"
_OFF_IT = rf"\b[^.?]*?\b{_OFF} (?:it|that|them)\b"
_MORE = r"\b(?:more|extra|additional|another|increas\w+|rais\w+|bump\w*|grow\w*|add\w*)"
_FEWER = r"\b(?:fewer|less|reduc\w+|lower\w*|shrink\w*|cut\w*|decreas\w+|remov\w+|drop\w*)"
_LARGER = r"\b(?:larger|bigger|wider|higher|more|increas\w+)"
_SMALLER = r"\b(?:smaller|tinier|lower|less|reduc\w+|shrink\w*)"
_OF = r"(?:\s+(?:the|up|output|out|its|number of|a|one|1|more|in|last))*\s+"

_SWITCHES = _compile(
    ("se_ratio", 0.25, rf"{_WHY_NOT}{_GAP}{_SE}"),
    ("skip", True, rf"{_WHY_NOT}{_GAP}{_SKIP}"),
    ("se_ratio", 0, rf"\b{_OFF}{_GAP}{_SE}"),
    ("se_ratio", 0, rf"\b{_SE}{_GONE}"),
    ("se_ratio", 0.25, rf"\b{_ON}{_GAP}{_SE}(?!\s*(?:ratio)?{_TO}\d*\.\d)"),
    ("skip", False, rf"\b{_OFF}{_GAP}{_SKIP}"),
    ("skip", True, rf"\b{_ON}{_GAP}{_SKIP}"),
    ("skip", False, rf"\b{_SKIP}{_GONE}"),
    ("se_ratio", 0, rf"\b{_SE}{_OFF_IT}"),
    ("skip", False, rf"\b{_SKIP}{_OFF_IT}"),
)
# a group holds the value, the last one that matched counts ("5 -> 3")
_VALUES = _compile(
    ("kernel_size", None, r"\b(\d+)\s*(?:x|by)\s*\1\b"),
    ("kernel_size", None, rf"\b(?:kernels?|filters? sizes?)(?:[_ ]sizes?)?{_TO}{_NUMBER}{_ARROW}"),
    ("kernel_size", None, r"\bk\s?=?\s?(\d)\b"),
    ("kernel_size", None, r"\b(\d+)[- ](?:wide |pixel )?kernels?\b"),
    ("stride", None, rf"\bstrides?{_TO}{_NUMBER}{_ARROW}"),
    ("expansion", None, rf"\bexpan(?:sion|d)s?(?:[_ ](?:factor|ratio))?{_TO}{_NUMBER}{_ARROW}"),
    ("expansion", None, r"\b(\d+)x? expansion\b"),
    ("out_channels", None, rf"\b(\d+)(?:\s+(?:output|out))?[- ](?:{_CHANNELS}|wide)\b"),
    ("out_channels", None, rf"\b(?:out[_ ]?channels?|{_CHANNELS})(?:\s+count)?{_TO}{_NUMBER}{_ARROW}"),
    ("out_channels", None, rf"\b(?:widen|narrow|shrink)\w*{_TO}{_NUMBER}"),
    ("num_blocks", None, rf"\bdeepen\w*{_TO}{_NUMBER}"),
    ("se_ratio", None, rf"\b{_SE}(?:[_ ]ratio)?{_TO}(\d*\.\d+|0(?!\.)){_ARROW}"),
    ("num_blocks", None, rf"\b(\d+)(?:\s+(?:repeated|repeats? of))?\s+(?:{_DEPTH}|repeats)\b"),
    ("num_blocks", None, rf"\b(?:num[_ ]?blocks|depth|{_DEPTH})(?:\s+count)?{_TO}{_NUMBER}{_ARROW}"),
    (
        "activation",
        None,
        r"\b(swish|silu|leaky[ _-]?relu|leaky|relu6?|gelu|p?r?elu|selu|mish|h[- ]?swish|tanh)\b",
    ),
    ("block", None, r"\b(mb[ -]?conv\w*|inverted (?:residual|bottleneck)s?)\b"),
    ("block", None, r"\b(dw[ -]?sep\w*|depth[- ]?wise(?:[- ]separable)?(?: conv\w*)?)\b"),
)
_FACTORS = _compile(
    ("out_channels", 2.0, rf"\b(?:doubl\w+|twice){_OF}(?:as many )?{_CHANNELS}\b"),
    ("out_channels", 0.5, rf"\b(?:halv\w+|half){_OF}{_CHANNELS}\b"),
)
_STEPS = _compile(
    ("out_channels", 1, rf"{_MORE}{_OF}{_CHANNELS}\b|\bwider\b(?! {_DEPTH}| kernel)"),
    ("out_channels", -1, rf"{_FEWER}{_OF}{_CHANNELS}\b|\b(?:narrower|thinner)\b"),
    ("kernel_size", 1, rf"{_LARGER}(?:\s+the)?\s+(?:kernels?|filters?)\b"),
    ("kernel_size", -1, rf"{_SMALLER}(?:\s+the)?\s+(?:kernels?|filters? size)\b"),
    ("num_blocks", 1, rf"{_MORE}{_OF}{_DEPTH}\b|\bdeeper\b"),
    ("num_blocks", -1, rf"{_FEWER}{_OF}{_DEPTH}\b|\bshallower\b"),
    ("expansion", 1, rf"{_LARGER}(?:\s+the)?\s+expansion\b"),
    ("expansion", -1, rf"{_SMALLER}(?:\s+the)?\s+expansion\b"),
)
# values whose field was named earlier: "48 channels in stage 1 and 64 in stage 2", "24 channels rather than 32"
_ELIDED = re.compile(
    r"(?:\band\b|,|\bplus\b)\s*(\d*\.?\d+)\s+(?:in|for|at|on)\s+s_+"
    r"|\b(?:rather than|instead of|and not|or|not|like)\s+(\d*\.?\d+)\b"
    r"(?!\s*\w*(?:channel|filter|block|layer|kernel|%))",
    re.I,
)
_ACTIVATIONS = {"silu": "swish", "relu": "relu6", "leaky": "leaky_relu", "leaky relu": "leaky_relu"}


def names_a_change(question: str) -> bool:
    """Whether a question speaks of a field with a value it has or might take, or of a step up or down."""
    return bool(find_intents(question, 1))


def find_intents(question: str, num_stages: int) -> list[Intent]:
    """The changes a question speaks of, in its order; each belongs to the nearest stage named in its part."""
    text = CANDIDATE.sub(lambda match: " " * len(match[0]), question)
    masked = STAGE.sub(lambda match: match[0][:1] + "_" * (len(match[0]) - 1), text)
    spans: list[tuple[int, int]] = []
    intents: list[Intent] = []
    for match, intent in chain(_match_phrases(masked), _match_elided(masked, intents)):
        start, end = match.span()
        if all(end <= other_start or other_end <= start for other_start, other_end in spans):
            spans.append((start, end))
            intents.append(replace(intent, stages=_stages_near(text, start, end, num_stages), place=start))
    return sorted(intents, key=lambda intent: intent.place)


def _match_phrases(text: str) -> Iterator[tuple[re.Match[str], Intent]]:
    """Every phrase with its intent, the most specific kinds first; of overlapping phrases the first one counts."""
    for field, switch, pattern in _SWITCHES:
        for match in pattern.finditer(text):
            yield match, Intent(field, switch)
    for field, _, pattern in _VALUES:
        for match in pattern.finditer(text):
            words = [group for group in match.groups() if group]
            yield match, Intent(field, _read_value(field, words[-1]))
    for field, factor, pattern in _FACTORS:
        for match in pattern.finditer(text):
            yield match, Intent(field, None, factor=factor)
    for field, step, pattern in _STEPS:
        for match in pattern.finditer(text):
            yield match, Intent(field, None, step=step)


def _match_elided(text: str, intents: list[Intent]) -> Iterator[tuple[re.Match[str], Intent]]:
    """Bare values, which belong to the field named last before them; `intents` are those found so far."""
    for match in _ELIDED.finditer(text):
        before = [intent for intent in intents if intent.place < match.start()]
        last = max(before, key=lambda intent: intent.place, default=None)
        if last is not None and last.field not in ("activation", "block", "skip"):
            yield match, Intent(last.field, _read_value(last.field, match[1] or match[2]))


def _read_value(field: str, word: str) -> Choice:
    lowered = re.sub(r"[ _-]+", " ", word.lower())
    if field == "activation":
        return _ACTIVATIONS.get(lowered, "leaky_relu" if lowered == "leakyrelu" else lowered)
    if field == "block":
        return "DWSepConv" if lowered.startswith(("dw", "depth")) else "MBConv"
    if field == "se_ratio":
        return float(word) or 0
    return int(float(word))


def _stages_near(text: str, start: int, end: int, num_stages: int) -> tuple[int, ...]:
    """The stages that a phrase belongs to; () where the whole question names none.

    Within its own part of the question the nearest stages count. Parts end at commas and at "and"; a part without a
    stage takes that of the next part that names one, else that of the previous one.
    """
    if names_all_stages(text):
        return tuple(range(1, num_stages + 1))
    stage_spans = find_stage_mentions(text, num_stages)
    parts = [
        (match.start(), match.end())
        for match in re.finditer(r"(?:(?!,|;|\band\b(?!\s*\d)|\bplus\b|\bwhile\b).)+", text, re.S | re.I)
    ]
    inside = [index for index, (first, last) in enumerate(parts) if first < end and start < last]
    order = [*inside, *range(inside[-1] + 1, len(parts)), *reversed(range(inside[0]))] if inside else []
    for index in order:
        first, last = parts[index]
        here = [span for span in stage_spans if first <= span.start < last]
        if here:
            return min(here, key=lambda span: max(span.start - end, start - span.end, 0)).stages
    return find_stages(text, num_stages)


def resolve_edits(intents: Sequence[Intent], architecture: Architecture, space: SearchSpace) -> list[Edit]:
    """The edits of a network that intents mean: if no stage is named, in every stage where something would change.

    A value outside the space is kept: the space says what is wrong with it. Of two values for one field ("5 instead
    of 3") the one that would change something counts, and a value overrides a step ("deeper: 4").
    """
    edits: dict[tuple[int, str], Edit] = {}
    valued = {intent.field for intent in intents if intent.value is not None}
    for intent in intents:
        if intent.value is None and intent.field in valued:
            continue
        for number in intent.stages or tuple(range(1, len(architecture.stages) + 1)):
            if not 1 <= number <= len(architecture.stages):
                edits[number, intent.field] = Edit(
                    number, intent.field, intent.value if intent.value is not None else 0
                )
                continue
            present = getattr(architecture.stages[number - 1], intent.field)
            value = intent.value if intent.value is not None else _move(space, intent, present)
            if value is None or (not intent.stages and (value == present or present is None)):
                continue
            known = edits.get((number, intent.field))
            if known is None or known.value == present:
                edits[number, intent.field] = Edit(number, intent.field, value)
    return list(edits.values())


def _move(space: SearchSpace, intent: Intent, present: Choice) -> Choice | None:
    """Where a step or a factor leads from the present value; None at the end of the space."""
    choices = space.choices(intent.field)
    if present not in choices:
        return None
    if intent.factor != 1.0:
        target = float(present) * intent.factor
        return min((choice for choice in choices if choice != present), key=lambda choice: abs(float(choice) - target))
    index = choices.index(present) + intent.step
    return choices[index] if 0 <= index < len(choices) else None
