"""The distillation loss against eq. 9-12 worked by hand, and alpha against the paper's compounding formula."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.training.distillation import alpha_at, distillation_loss


def soften(logits: list[float], temperature: float) -> list[float]:
    powers = [math.exp(logit / temperature) for logit in logits]
    return [power / sum(powers) for power in powers]


def test_loss_equals_the_equations_worked_by_hand() -> None:
    students, teachers, labels = [[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]], [[3.0, 1.0, 0.0], [-1.0, 2.0, 4.0]], [0, 1]
    temperature, alpha = 10.0, 0.6
    hard = soft = 0.0
    for student, teacher, label in zip(students, teachers, labels, strict=True):
        hard -= math.log(soften(student, 1)[label]) / 2
        pairs = zip(soften(teacher, temperature), soften(student, temperature), strict=True)
        soft += sum(p_t * math.log(p_t / p_s) for p_t, p_s in pairs) / 2
    expected = alpha * hard + (1 - alpha) * temperature**2 * soft
    loss = distillation_loss(torch.tensor(students), torch.tensor(teachers), torch.tensor(labels), temperature, alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_soft_part_vanishes_for_a_student_that_repeats_its_teacher() -> None:
    logits = torch.randn(5, 10)
    labels = torch.arange(5)
    assert distillation_loss(logits, logits, labels, 10.0, 0.0).item() == pytest.approx(0, abs=1e-5)


def test_soft_gradient_keeps_its_size_whatever_the_temperature() -> None:
    teacher, labels = torch.randn(8, 10), torch.zeros(8, dtype=torch.int64)
    sizes = []
    for temperature in (10.0, 40.0):
        student = torch.zeros(8, 10, requires_grad=True)
        distillation_loss(student, teacher, labels, temperature, 0.0).backward()
        assert student.grad is not None
        sizes.append(student.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_paper_schedule_passes_079_by_epoch_20_of_50() -> None:
    assert alpha_at("paper", 1, 50) == pytest.approx(0.4 + 0.4 / 50)
    assert alpha_at("paper", 2, 50) == pytest.approx(0.408 + (0.8 - 0.408) * 2 / 50)
    assert alpha_at("paper", 16, 50) < 0.79 < alpha_at("paper", 20, 50)
    left = math.prod(1 - epoch / 50 for epoch in range(1, 21))  # of the way from 0.4 to 0.8
    assert alpha_at("paper", 20, 50) == pytest.approx(0.8 - 0.4 * left)
    assert alpha_at("paper", 50, 50) == pytest.approx(0.8)


@given(st.integers(1, 60), st.integers(1, 60))
def test_prose_schedule_mirrors_the_formula(epoch: int, epochs: int) -> None:
    epoch = min(epoch, epochs)
    assert alpha_at("paper", epoch, epochs) + alpha_at("paper-prose", epoch, epochs) == pytest.approx(1.2)
