"""Shape annotations are not mere comments: the test run checks them."""

from __future__ import annotations

import importlib

import jaxtyping
import pytest
import torch
from shape_checks import find_checked_modules, install_shape_checks


def test_modules_that_handle_tensors_are_found() -> None:
    found = find_checked_modules()
    assert len(found) == len(set(found))
    assert {
        "nas.datasets.preprocess",
        "nas.network.blocks",
        "nas.network.depthwise",
        "nas.network.network",
        "nas.training.autoaugment",
        "nas.training.batches",
        "nas.training.checkpoint",
        "nas.training.distillation",
        "nas.training.epochs",
        "nas.training.logits_only",
        "nas.training.loop",
        "nas.training.prediction",
        "nas.training.quantization",
        "nas.training.teacher",
        "nas.training.teacher_tuning",
        "nas.training.weights",
    } <= set(found)
    assert not {"nas.cost.price", "nas.training.recipe"} & set(found)


@pytest.mark.parametrize("name", find_checked_modules())
def test_every_found_module_was_hooked(name: str) -> None:
    module = importlib.import_module(name)
    assert "jaxtyping" in type(module.__spec__.loader).__module__  # type: ignore[union-attr]


def test_a_wrong_shape_raises() -> None:
    from nas.datasets.preprocess import resize_pixels

    with pytest.raises(jaxtyping.TypeCheckError):
        resize_pixels(torch.zeros(1, 8, 8), 4, 4)  # (N, C, H, W) is wanted


def test_a_hook_that_comes_too_late_says_so() -> None:
    importlib.import_module("nas.datasets.preprocess")
    with pytest.raises(RuntimeError, match=r"imported already: .*nas\.datasets\.preprocess"):
        install_shape_checks()
