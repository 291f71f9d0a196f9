"""Untrusted text is shown and saved without anything that a terminal or Markdown would interpret."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.plain_text import plain, plain_lines, plain_markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\x9b31mb", "a31mb"),
        ("one\rtwo\nthree\ttab", "one two three tab"),
        ("left\u202egnp.exe", "leftgnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("caf\u00e9 \u4e2d\u6587 \U0001f600", "caf\u00e9 \u4e2d\u6587 \U0001f600"),
        ("\x1b", ""),
        ("\ud800", ""),
    ],
)
def test_escapes_and_reversals_are_gone(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    shown = plain(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in shown)
    assert plain(shown) == shown


def test_lines_stay_lines() -> None:
    assert plain_lines("one \x1b[1m\n two\x07 \n") == "one\ntwo"


def test_markup_of_markdown_is_escaped() -> None:
    assert plain_markdown("[a](b) <img> `x` *y* |z|") == "\\[a\\](b) \\<img> \\`x\\` \\*y\\* \\|z\\|"
