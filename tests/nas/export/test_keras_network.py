from __future__ import annotations

import numpy as np
import pytest
import torch
from export_examples import Example, full_example, random_example

from nas.export.keras_network import build_keras_network, fold_batch_norm


def check_equal(example: Example) -> None:
    keras_network = build_keras_network(example.network, example.architecture, example.task)
    with torch.inference_mode():
        expected = example.network(example.torch_images).numpy()
    # the input takes one image at a time, as on the device
    actual = np.concatenate([keras_network(image[np.newaxis], training=False) for image in example.images[:4]])
    assert np.abs(expected).max() > 0.1  # otherwise anything would agree
    np.testing.assert_allclose(actual, expected[:4], rtol=0, atol=1e-5 * max(1, float(np.abs(expected).max())))


def test_keras_computes_what_torch_computes() -> None:
    check_equal(full_example())


@pytest.mark.parametrize("seed", range(5))
def test_keras_computes_what_torch_computes_on_random_architectures(seed: int) -> None:
    check_equal(random_example(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_keras_computes_what_torch_computes_on_many_random_architectures(seed: int) -> None:
    check_equal(random_example(seed))


def test_a_folded_convolution_equals_convolution_and_batch_norm() -> None:
    example = full_example()
    stem = example.network.stem
    kernel, bias = fold_batch_norm(stem)
    images = example.torch_images
    with torch.inference_mode():
        expected = stem.norm(stem.conv(images)).double()
        folded = torch.nn.functional.pad(images, (0, 1, 1, 1)).double()  # SAME padding of 21x16 at stride 2
        actual = torch.nn.functional.conv2d(folded, torch.from_numpy(kernel), torch.from_numpy(bias), stride=2)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)
