from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import list_presets, read_config, resolve_config
from nas.errors import SettingError


@pytest.mark.parametrize("preset", list_presets())
def test_every_preset_resolves_and_survives_json(preset: str) -> None:
    config = resolve_config(preset)
    assert read_config(config.model_dump(mode="json")) == config


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('seed = 1\nboard = "stm32f746"\n[design]\nmax_trials = 5\n')
    config = resolve_config("quick", file=file, settings=["seed=2"], flags={"board": "stm32h743", "seed": None})
    assert (config.seed, config.board, config.design.max_trials) == (2, "stm32h743", 5)
    assert config.design.max_proposals == resolve_config("quick").design.max_proposals


def test_single_values_of_a_recipe_can_be_changed() -> None:
    config = resolve_config("quick", settings=["training.mini.epochs=3"])
    assert config.training.mini.epochs == 3
    assert config.training.full == resolve_config("quick").training.full


def test_the_papers_budget_is_320_kibibytes() -> None:
    budget = resolve_config("paper").resolve_budget()
    assert budget.peak_sram_bytes == 320 * 1024
    assert (budget.macs_min, budget.macs_max) == (70_000_000, 350_000_000)


def test_a_board_only_caps_the_budget() -> None:
    small = resolve_config("paper", flags={"board": "nrf52840"}).resolve_budget()
    assert small.peak_sram_bytes == (256 - 20) * 1024  # stack and variables share its one bank
    assert resolve_config("quick", flags={"board": "stm32h743"}).resolve_budget().peak_sram_bytes == 49_152


def test_exporting_for_another_board_judges_by_that_boards_memory() -> None:
    budget = resolve_config("quick").for_board("stm32h743").resolve_budget()
    assert (budget.peak_sram_bytes, budget.flash_bytes) == (512 * 1024, 2048 * 1024)


def test_broken_toml_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("seed = = 1")
    with pytest.raises(SettingError, match="must be TOML"):
        resolve_config("quick", file=file)
