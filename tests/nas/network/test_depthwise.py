"""The depthwise convolution for training: torch's results and gradients, whatever the map, filter and padding."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn import functional

from nas.network.blocks import SameConv2d, same_padding
from nas.network.depthwise import convolve_depthwise

CHANNELS = 8


@pytest.mark.parametrize(("kernel", "stride"), list(product((3, 5, 7), (1, 2))))
def test_it_agrees_with_torch_on_maps_of_any_size(kernel: int, stride: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for height, width in product(range(1, 12), (1, 2, 3, 4, 5, 8, 9)):
        rows, columns = same_padding(height, kernel, stride), same_padding(width, kernel, stride)
        images = torch.randn(3, CHANNELS, height, width, dtype=torch.double, generator=generator).requires_grad_()
        weight = torch.randn(CHANNELS, 1, kernel, kernel, dtype=torch.double, generator=generator).requires_grad_()
        padded = functional.pad(images, (*columns, *rows))
        expected = functional.conv2d(padded, weight, None, stride, 0, 1, CHANNELS)
        gradient = torch.randn(expected.shape, dtype=torch.double, generator=generator)
        ours = convolve_depthwise(images, weight, stride, (rows, columns))
        torch.testing.assert_close(ours, expected, msg=f"{height}x{width}")
        found = torch.autograd.grad(ours, (images, weight), gradient)
        right = torch.autograd.grad(expected, (images, weight), gradient)
        torch.testing.assert_close(found, right, msg=f"{height}x{width}")


def test_images_without_a_gradient_get_none() -> None:
    images, weight = torch.randn(2, CHANNELS, 4, 4), torch.randn(CHANNELS, 1, 5, 5, requires_grad=True)
    convolve_depthwise(images, weight, 1, ((2, 2), (2, 2))).sum().backward()
    assert images.grad is None
    assert weight.grad is not None


@pytest.mark.parametrize(("kernel", "stride", "size"), [(5, 1, 8), (3, 2, 8), (3, 1, 2), (3, 1, 8)])
def test_training_and_evaluation_convolve_alike(kernel: int, stride: int, size: int) -> None:
    convolution = SameConv2d(CHANNELS, CHANNELS, kernel, stride, groups=CHANNELS, bias=False)
    images = torch.randn(2, CHANNELS, size, size)
    torch.testing.assert_close(convolution.train()(images), convolution.eval()(images))
