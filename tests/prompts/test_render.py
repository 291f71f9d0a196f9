from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from prompts import render


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("design")


def test_the_role_is_the_papers() -> None:
    assert "exclusively outputs configurations in JSON" in render("role")
