"""Depthwise convolution for training on a CPU: torch's sums, requested in a form that its kernels compute fast.

oneDNN's fast kernel for the weights' gradient takes filters of at most three columns, on maps no smaller than the
filter; for all others it computes sixteen times as much. And uneven SAME padding costs copies of the map, forward and
backward. So a filter here loses the taps that never meet the image, gets a zero row or column where that evens its
padding, and has its gradient computed a few columns at a time.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

FAST_COLUMNS = 3

Pads = tuple[int, int]  # pixels before and after one side


def convolve_depthwise(
    images: Float[Tensor, "batch channels height width"],
    weight: Float[Tensor, "channels 1 kernel_height kernel_width"],
    stride: int,
    pads: tuple[Pads, Pads],
) -> Float[Tensor, "batch channels out_height out_width"]:
    """Each channel convolved with its own filter; `pads` of rows and columns, which the strides use up exactly."""
    output: Tensor = _Depthwise.apply(images, weight, stride, pads)  # type: ignore[no-untyped-call]
    return output


@dataclass(frozen=True, slots=True)
class _Side:
    """A filter along one side of the map: its taps `first` to `end` count, with padding `before` and `after` them."""

    first: int
    end: int
    before: int
    after: int

    @property
    def taps(self) -> int:
        return self.end - self.first

    @property
    def zeros(self) -> Pads:
        """Zero taps before and after that make the padding `even` on both ends."""
        return self.even - self.before, self.even - self.after

    @property
    def even(self) -> int:
        return max(self.before, self.after)


def _find_side(size: int, kernel: int, stride: int, pads: Pads) -> _Side:
    """The taps that meet a pixel of `size` at some position of the filter."""
    before, after = pads
    starts = range(-before, size + after - kernel + 1, stride)
    counting = [tap for tap in range(kernel) if any(0 <= start + tap < size for start in starts)]
    first, end = counting[0], counting[-1] + 1
    return _Side(first, end, before - first, after - (kernel - end))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int, pads: tuple[Pads, Pads]) -> Tensor:
        sizes = zip(images.shape[2:], weight.shape[2:], pads, strict=True)
        rows, columns = (_find_side(size, kernel, stride, pad) for size, kernel, pad in sizes)
        used = weight[:, :, rows.first : rows.end, columns.first : columns.end]
        filters = functional.pad(used, (*columns.zeros, *rows.zeros))
        ctx.save_for_backward(images, filters)
        ctx.geometry = tuple(weight.shape), stride, rows, columns
        return torch.conv2d(images, filters, None, stride, (rows.even, columns.even), 1, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        images, filters = ctx.saved_tensors
        shape, stride, rows, columns = ctx.geometry
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_images = None
        if ctx.needs_input_grad[0]:
            of_images = _differentiate(gradient, images, filters, stride, (rows.even, columns.even), "images")
        of_weight = filters.new_zeros(shape)
        used = of_weight[:, :, rows.first : rows.end, columns.first : columns.end]
        used.copy_(_sum_by_columns(gradient, images, stride, rows, columns))
        return of_images, of_weight, None, None


def _sum_by_columns(gradient: Tensor, images: Tensor, stride: int, rows: _Side, columns: _Side) -> Tensor:
    """The gradient of the taps that count, (channels, 1, rows, columns): a few columns of them at a time."""
    # the kernel pads rows by itself where both ends are equal, and fast unless the filter is taller than the map
    pads = rows.even if rows.zeros == (0, 0) and rows.taps <= images.shape[2] else 0
    copied = (0, 0) if pads else (rows.before, rows.after)
    length = (gradient.shape[3] - 1) * stride
    parts = []
    for first in range(0, columns.taps, FAST_COLUMNS):
        taps = min(FAST_COLUMNS, columns.taps - first)
        seen = _copy_columns(images, first - columns.before, length + taps, copied)
        filters = images.new_empty(images.shape[1], 1, rows.taps, taps)
        parts.append(_differentiate(gradient, seen, filters, stride, (pads, 0), "filters"))
    return torch.cat(parts, dim=3)


def _copy_columns(images: Tensor, first: int, width: int, rows: Pads) -> Tensor:
    """`width` columns from `first` on, in channels_last, with rows of zeros; columns outside the images are zeros."""
    batch, channels, height, whole = images.shape
    top, bottom = rows[0], rows[0] + height
    start, end = max(0, first), min(whole, first + width)
    size = (batch, channels, bottom + rows[1], width)
    seen = torch.empty(size, dtype=images.dtype, device=images.device, memory_format=torch.channels_last)
    seen[:, :, top:bottom, start - first : end - first].copy_(images[..., start:end])
    for outside in (seen[:, :, :top], seen[:, :, bottom:], seen[..., : start - first], seen[..., end - first :]):
        if outside.numel():
            outside.zero_()  # nothing else is: filling the whole before the copy costs as much as the copy
    return seen


def _differentiate(
    gradient: Tensor, images: Tensor, filters: Tensor, stride: int, pads: Pads, wanted: Literal["images", "filters"]
) -> Tensor:
    """torch's gradient of the images or of the filters."""
    mask = [wanted == "images", wanted == "filters", False]
    strides, dilations, ends = [stride, stride], [1, 1], [0, 0]
    found = torch.ops.aten.convolution_backward(
        gradient, images, filters, None, strides, pads, dilations, False, ends, len(filters), mask
    )
    gradient_of: Tensor = found[mask.index(True)]
    return gradient_of
