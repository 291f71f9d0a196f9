from __future__ import annotations

import pytest

from nas.cost.board import find_board, load_boards
from nas.errors import SettingError


def test_every_board_states_where_its_numbers_come_from() -> None:
    for name, board in load_boards().items():
        assert board.name == name == name.lower()
        assert len(board.source) > 20
        assert board.note
        assert board.core
        assert board.clock_mhz > 0


def test_the_largest_bank_is_no_larger_than_all_ram() -> None:
    for board in load_boards().values():
        assert 0 < board.sram_bytes <= board.total_sram_bytes
        assert board.flash_bytes > 0


def test_the_h743_offers_its_axi_sram_and_not_the_sum_of_all_banks() -> None:
    board = find_board("stm32h743")
    assert board.sram_bytes == 512 * 1024
    assert board.flash_bytes == 2 * 1024 * 1024


def test_a_board_is_found_in_any_case() -> None:
    assert find_board("nRF52840") == find_board("nrf52840")


def test_an_unknown_board_is_one_line_that_lists_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"board must be one of stm32h743, .*max78000; got 'z80'") as caught:
        find_board("z80")
    assert "\n" not in str(caught.value)
