"""Recipes: the paper's learning rates, point by point, and settings that contradict themselves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nas.training.recipe import (
    PAPER_DISTILL,
    PAPER_FULL,
    PAPER_MINI,
    QUICK_DISTILL,
    QUICK_FULL,
    QUICK_MINI,
    QUICK_TEACHER,
    DistillRecipe,
    Recipe,
    TeacherSettings,
    learning_rate_at,
)


@pytest.mark.parametrize(
    ("progress", "rate"),
    [(0, 0.0), (1, 0.05), (4.5, 0.225), (9.99, 0.4995), (10, 0.5), (19.99, 0.5), (20, 0.05), (29.99, 0.05)],
)
def test_paper_mini_rises_stays_and_drops_to_a_tenth(progress: float, rate: float) -> None:
    assert learning_rate_at(PAPER_MINI, progress) == pytest.approx(rate)


def test_paper_full_rises_over_twenty_epochs_then_follows_a_cosine_to_zero() -> None:
    assert learning_rate_at(PAPER_FULL, 10) == pytest.approx(0.25)
    assert learning_rate_at(PAPER_FULL, 20) == pytest.approx(0.5)
    assert learning_rate_at(PAPER_FULL, 70) == pytest.approx(0.25)
    assert learning_rate_at(PAPER_FULL, 95) == pytest.approx(0.25 * (1 + math.cos(math.pi * 0.75)))
    assert learning_rate_at(PAPER_FULL, 120) == pytest.approx(0, abs=1e-12)


def test_paper_recipes_state_the_papers_other_figures() -> None:
    for recipe in (PAPER_MINI, PAPER_FULL, PAPER_DISTILL):
        assert (recipe.optimizer, recipe.momentum, recipe.weight_decay, recipe.batch_size) == ("sgd", 0.9, 1e-4, 128)
    assert [recipe.epochs for recipe in (PAPER_MINI, PAPER_FULL, PAPER_DISTILL)] == [30, 120, 50]
    assert (PAPER_MINI.augmentation, PAPER_MINI.mixup_alpha) == ("autoaugment", 0)
    assert (PAPER_FULL.augmentation, PAPER_FULL.mixup_alpha) == ("autoaugment", 0.2)
    assert (PAPER_DISTILL.temperature, PAPER_DISTILL.augmentation) == (10, "none")


@given(st.sampled_from([PAPER_MINI, PAPER_FULL, PAPER_DISTILL, QUICK_MINI, QUICK_FULL, QUICK_DISTILL]), st.floats(0, 1))
def test_rate_never_leaves_zero_to_peak(recipe: Recipe, share: float) -> None:
    assert 0 <= learning_rate_at(recipe, share * recipe.epochs) <= recipe.learning_rate


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"warmup_epochs": 1, "schedule": "cosine"}, "warmup_epochs"),
        ({"warmup_epochs": 5, "schedule": "warmup-cosine"}, "warmup_epochs"),
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"batch_size": 1}, "batch_size"),
        ({"augmentation": "cutmix"}, "augmentation"),
        ({"dropout": 0.1}, "dropout"),
    ],
)
def test_contradicting_or_unknown_settings_are_refused_by_name(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Recipe.model_validate({"epochs": 5, "learning_rate": 0.1, "schedule": "cosine"} | settings)


@pytest.mark.parametrize("settings", [{"augmentation": "shift"}, {"mixup_alpha": 0.2}])
def test_distillation_refuses_changed_images(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="unchanged images"):
        DistillRecipe.model_validate(PAPER_DISTILL.model_dump() | settings)


@pytest.mark.parametrize(("field", "value"), [("patch_size", 5), ("num_heads", 7)])
def test_teacher_sizes_must_divide(field: str, value: int) -> None:
    with pytest.raises(ValidationError, match=f"{field} must divide"):
        TeacherSettings.model_validate(QUICK_TEACHER.model_dump() | {field: value})
