from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.terminal.cost_table import draw_profile


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=300), st.integers(10, 200))
def test_the_profile_fits_its_width_and_shows_the_peak(live_bytes: list[int], width: int) -> None:
    drawn = draw_profile(live_bytes, width)
    assert len(drawn) <= width
    assert "█" in drawn or max(live_bytes) < 8


def test_operators_that_fit_have_a_bar_each() -> None:
    assert draw_profile([1, 800, 400], 80) == "▁█▄"
