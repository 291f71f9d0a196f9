"""Statements in free text: which fields of which stages it claims, and which figures; checked against known facts.

The text is cut into clauses. A clause speaks of the stages it names (else of those its sentence named before, else of
any), and of the candidates it names. A statement that is negated or hypothetical ("instead of swish") claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.explanation.notation import CANDIDATE, STAGE, find_candidates, find_stages, names_all_stages, spell_mentions

Unit = str  # "macs", "params", "bytes", "fraction", "points", "epochs", "images", "seconds"

_IS = r"(?:\s*(?:of|=|is|:|with|at|to|are|size))*\s*"
_FIELDS: tuple[tuple[str, str], ...] = (
    ("kernel_size", r"\b(\d+)\s*[x\u00d7]\s*\1\b(?:\s*(?:kernels?|filters?|convolutions?))?"),
    ("kernel_size", rf"\bkernel(?:[_ ]sizes?)?s?{_IS}(\d+)\b"),
    ("stride", rf"\bstride{_IS}(\d+)\b"),
    ("expansion", rf"\bexpansion(?:[_ ](?:factor|ratio))?{_IS}(\d+)\b"),
    ("out_channels", rf"\b(?:out_channels|channels|width){_IS}(\d+)\b"),
    ("out_channels", r"\b(\d+)\s*(?:output\s+)?(?:channels|filters)\b"),
    ("se_ratio", rf"\b(?:se|squeeze-and-excitation)(?:[_ ]ratio)?{_IS}(\d*\.\d+|0)\b"),
    ("num_blocks", rf"\b(?:num_blocks|depth){_IS}(\d+)\b"),
    ("num_blocks", r"\b(\d+)\s*(?:blocks|layers)\b"),
    ("activation", r"\b(relu6|leaky[_ ]?relu|swish)\b"),
    ("block", r"\b(dwsepconv|depthwise[- ]separable|mbconv|inverted (?:residuals?|bottlenecks?))\b"),
    ("se_ratio", r"\b(no|without) (?:se|squeeze-and-excitation)\b"),
    ("skip", r"\b(no|without)(?: a| any)? (?:skips?|residuals?)\b"),
)
_WORDS: Mapping[str, Any] = {
    "relu6": "relu6", "leaky relu": "leaky_relu", "leaky_relu": "leaky_relu", "leakyrelu": "leaky_relu",
    "swish": "swish", "dwsepconv": "DWSepConv", "depthwise separable": "DWSepConv",
    "depthwise-separable": "DWSepConv", "mbconv": "MBConv",
}  # fmt: skip
_NOT_CLAIMED = re.compile(
    r"\b(?:instead of|rather than|not|unlike|avoid\w*|than|would|could|if|without|never)\b[^,;]*$|->\s*$", re.I
)
_CLAUSE = re.compile(r";|\n|,\s|\.\s|\.$|\band\b|\bwhile\b|\bwhereas\b|\bbut\b", re.I)
_SENTENCE = re.compile(r"(?<=[.;\n])\s+")
QUANTITY = re.compile(
    r"(?<![\w.])([+\-\u2212]?\d[\d,]*(?:\.\d+)?)\s*"
    r"(M MACs|MMACs|million MACs|million parameters|M parameters|k parameters|MACs|KiB|KB|kB|MiB|MB|GiB|bytes|"
    r"percentage points|%-points|points?|%|percent|epochs?|images?|parameters|params|million|"
    r"milliseconds?|ms|seconds?|s|minutes?|fps|mW|mJ|MHz|M|k|K)?(?![\w%])"
)
_SCALES: Mapping[str, tuple[Unit, float]] = {
    "m macs": ("macs", 1e6), "mmacs": ("macs", 1e6), "million macs": ("macs", 1e6), "macs": ("macs", 1.0),
    "million parameters": ("params", 1e6), "m parameters": ("params", 1e6), "k parameters": ("params", 1e3),
    "parameters": ("params", 1.0), "params": ("params", 1.0),
    "kib": ("bytes", 1024.0), "kb": ("bytes", 1000.0), "mib": ("bytes", 1024.0**2), "mb": ("bytes", 1e6),
    "gib": ("bytes", 1024.0**3), "bytes": ("bytes", 1.0),
    "%": ("fraction", 0.01), "percent": ("fraction", 0.01),
    "point": ("points", 0.01), "points": ("points", 0.01), "percentage points": ("points", 0.01),
    "%-points": ("points", 0.01),
    "epoch": ("epochs", 1.0), "epochs": ("epochs", 1.0), "image": ("images", 1.0), "images": ("images", 1.0),
    "millisecond": ("seconds", 1e-3), "milliseconds": ("seconds", 1e-3), "ms": ("seconds", 1e-3),
    "second": ("seconds", 1.0), "seconds": ("seconds", 1.0), "s": ("seconds", 1.0),
    "minute": ("seconds", 60.0), "minutes": ("seconds", 60.0), "fps": ("fps", 1.0), "mw": ("watts", 1e-3),
    "mj": ("joules", 1e-3), "mhz": ("hertz", 1e6),
    "million": ("macs", 1e6), "m": ("macs", 1e6), "k": ("params", 1e3),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure in a text: its value in the base unit, and by how much rounding may have moved it."""

    text: str
    value: float
    unit: Unit | None
    tolerance: float

    def equals(self, known: float) -> bool:
        """Whether the figure is `known`, rounded as it is written; signs are kept only where they are written."""
        value = known if self.text.lstrip()[:1] in "+-\u2212" else abs(known)
        return abs(self.value - value) <= self.tolerance


@dataclass(frozen=True)
class Facts:
    """What is known of a candidate: figures by unit, of the whole and of each stage, and its stages' fields."""

    whole: Mapping[Unit, Sequence[float]]
    stages: Sequence[Mapping[str, Any]]
    of_stages: Sequence[Mapping[Unit, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement: true, false, or (None) nothing that can be checked; `recorded` says what is known instead."""

    text: str
    is_true: bool | None
    recorded: str = ""


def read_quantities(text: str) -> list[Quantity]:
    """Every number of a text with its unit, except those of ids, stages and kernel sizes."""
    cleaned = STAGE.sub(" ", CANDIDATE.sub(" ", text))
    return [_read(match) for match in QUANTITY.finditer(cleaned)]


def _read(match: re.Match[str]) -> Quantity:
    digits = match[1].replace(",", "").replace("\u2212", "-")
    unit, scale = _SCALES[match[2].lower()] if match[2] else (None, 1.0)
    decimals = len(digits.partition(".")[2])
    tolerance = scale * 0.5 * 10.0**-decimals * (1 + 1e-6) if scale != 1 or decimals else 1e-9
    return Quantity(match[0].strip(), float(digits) * scale, unit, tolerance)


def check_text(text: str, default: str, facts: Mapping[str, Facts], stage: int | None = None) -> list[Finding]:
    """Every statement of a text about known candidates.

    Clauses that name no candidate speak of `default`, sentences that name no stage speak of `stage` (None: of any).
    """
    findings: list[Finding] = []
    for sentence in _SENTENCE.split(spell_mentions(text)):
        stages: tuple[int, ...] | None = (stage,) if stage else None
        candidates: tuple[str, ...] = (default,)
        for clause in _CLAUSE.split(sentence):
            if not clause.strip():
                continue
            candidates = find_candidates(clause) or candidates
            about = [facts[candidate] for candidate in candidates if candidate in facts]
            stages = _find_stages(clause, about) or stages
            if len(about) < len(candidates):
                unknown = next(candidate for candidate in candidates if candidate not in facts)
                findings.append(Finding(clause.strip(), None, f"nothing is known of {unknown}"))
                continue
            findings += _check_clause(clause, about, stages)
    return findings


def _find_stages(clause: str, about: Sequence[Facts]) -> tuple[int, ...] | None:
    """The stages a clause names; (0,) stands for all of them."""
    if names_all_stages(clause):
        return (0,)
    return find_stages(clause, _count_stages(about)) or None


def _count_stages(about: Sequence[Facts]) -> int:
    return min((len(facts.stages) for facts in about), default=0)


def _check_clause(clause: str, about: Sequence[Facts], stages: tuple[int, ...] | None) -> Iterator[Finding]:
    count = _count_stages(about)
    for number in _find_stages(clause, about) or ():
        if number > count:
            yield Finding(f"stage {number}", False, f"there are {count} stages")
            return
    rest = clause
    for field, pattern in _FIELDS:
        for match in re.finditer(pattern, clause, re.I):
            if match[0] not in rest:
                continue  # part of a longer statement
            rest = rest.replace(match[0], " ", 1)
            if _NOT_CLAIMED.search(clause[: match.start()]):
                continue
            yield _check_field(match[0], field, _read_value(field, match[1]), about, stages)
    for quantity in read_quantities(rest):
        yield _check_quantity(quantity, about, stages)


def _read_value(field: str, word: str) -> Any:
    lowered = word.lower()
    if lowered in ("no", "without"):
        return False if field == "skip" else 0
    if field in ("activation", "block"):
        return _WORDS.get(lowered, "MBConv")  # the inverted residuals and bottlenecks
    return float(word) if field == "se_ratio" else int(word)


def _check_field(text: str, field: str, value: Any, about: Sequence[Facts], stages: tuple[int, ...] | None) -> Finding:
    for facts in about:
        count = len(facts.stages)
        named = range(1, count + 1) if stages is None or stages == (0,) else stages
        if not count or any(not 1 <= number <= count for number in named):
            return Finding(text, False, f"there are {count} stages")
        known = [facts.stages[number - 1].get(field) for number in named]
        holds = any(value == item for item in known) if stages is None else all(value == item for item in known)
        if not holds:
            where = "" if stages is None else f" in stage {', '.join(map(str, named))}"
            return Finding(text, False, f"{field}{where} is {', '.join(str(item) for item in dict.fromkeys(known))}")
    return Finding(text, True)


def _check_quantity(quantity: Quantity, about: Sequence[Facts], stages: tuple[int, ...] | None) -> Finding:
    if quantity.unit is None:
        return Finding(quantity.text, None, "a bare number")
    units = ("macs", "params") if quantity.text.endswith(("M", "million", "k", "K")) else (quantity.unit,)
    for facts in about:
        known = [value for unit in units for value in facts.whole.get(unit, ())]
        for number in stages or ():
            if 1 <= number <= len(facts.of_stages):
                known += [value for unit in units for value in facts.of_stages[number - 1].get(unit, ())]
        if any(quantity.equals(value) for value in known):
            return Finding(quantity.text, True)
    return Finding(quantity.text, False, "no such figure on record")
