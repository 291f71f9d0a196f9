"""A figure in an answer must be one that a tool gave, for the same candidate and in the same unit."""

from __future__ import annotations

import pytest

from graphs.inquiry.figure_check import Told, find_unsupported

TOLD = [
    Told("c011: 97.92% validation accuracy, 3.35 M MACs, 245,812 parameters, 46.0 KiB of peak SRAM.", ("c011",)),
    Told("c006: 97.22% validation accuracy, 2.33 M MACs, 98,188 parameters, 31.9 KiB of peak SRAM.", ("c006",)),
    Told("12 proposals were made. 6 trained: c001, c004.", ()),
]


@pytest.mark.parametrize(
    "answer",
    [
        "c011 reaches 97.92% with 3.35 M MACs.",
        "**c011** has about 97.9% accuracy and 245,812 parameters.",
        "c006 needs 31.9 KiB; c011 needs 46 KiB.",
        "1. c011 is at 3.35M MACs\n2. c006 is at 2.33M MACs",
        "There were 12 proposals, 6 of them trained.",
        "c011 is the most accurate one.",
    ],
)
def test_figures_the_tools_gave_pass(answer: str) -> None:
    assert find_unsupported(answer, TOLD) == []


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("c011 reaches 99.1%.", "99.1% of c011"),
        ("c011 needs 31.9 KiB.", "31.9 KiB of c011"),  # the other candidate's
        ("c006 has 3.35 M MACs.", "3.35 M MACs of c006"),
        ("It takes 12 ms per image.", "12 ms"),
        ("c011 has 97.92 KiB.", "97.92 KiB of c011"),  # another unit
        ("c011 needs 46.0 KB.", "46.0 KB of c011"),  # KB are not KiB
        ("It was trained for 300 epochs.", "300 epochs"),
        ("c009 has 2.33 M MACs.", "2.33 M MACs of c009"),
    ],
)
def test_figures_no_tool_gave_are_named(answer: str, wrong: str) -> None:
    assert wrong in find_unsupported(answer, TOLD)
