"""Training batches: resized and normalized exactly as calibration and evaluation do, augmented on the way."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from nas.datasets.images import Dataset
from nas.datasets.preprocess import normalize_pixels, resize_pixels
from nas.space.architecture import Task
from nas.training.autoaugment import AutoAugment, PolicyName
from nas.training.out_of_memory import may_stay
from nas.training.recipe import Augmentation

CACHE_BYTES = 512 * 1024**2  # of resized float images
CHUNK, CHUNK_BYTES = 1024, 32 * 1024**2  # images augmented at a time: more gain nothing


@dataclass(frozen=True, slots=True)
class Jitter:
    """The largest random movements of an image: shift as a share of its side, rotation in degrees, zoom as a share."""

    shift: float
    rotation: float
    zoom: float


JITTERS: dict[Augmentation, Jitter] = {
    "shift": Jitter(shift=1 / 16, rotation=0.0, zoom=0.0),
    "affine": Jitter(shift=1 / 16, rotation=10.0, zoom=0.1),
}


class TrainingImages:
    """The training split as network inputs. Random draws come from torch's global generator.

    The images stay uint8, decoded once; AutoAugment works on them at their native size, many batches at a time; they
    are resized afterwards, on the training device. Without AutoAugment the resized images are kept when they fit in
    `CACHE_BYTES`.
    """

    def __init__(self, dataset: Dataset, task: Task, augmentation: Augmentation, device: str) -> None:
        self._dataset = dataset
        self._task = task
        self._device = torch.device(device)
        pixels = torch.from_numpy(dataset.train.images)  # (N, H, W, C) uint8, shared with the data set
        self._pixels = pixels.to(self._device) if may_stay(pixels.nbytes, self._device) else pixels
        self._mean, self._std = (torch.tensor(figures, device=self._device) for figures in (dataset.mean, dataset.std))
        self._policy = AutoAugment(choose_policy(dataset.name)) if augmentation == "autoaugment" else None
        self._jitter = JITTERS.get(augmentation)
        num_bytes = 4 * len(dataset.train) * task.height * task.width * task.channels
        self._resized: Tensor | None = None
        if self._policy is None and num_bytes <= CACHE_BYTES:
            self._resized = torch.cat([self._resize(part) for part in torch.split(self._pixels, CHUNK)])

    def __len__(self) -> int:
        return len(self._dataset.train)

    def batches(self, order: Int64[Tensor, " num"], size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """(indices, images) for every `size` of `order`: images (batch, C, H, W) float, augmented; on the device."""
        bytes_each = self._pixels[0].numel()
        at_once = size * max(1, min(CHUNK, CHUNK_BYTES // bytes_each) // size)
        for part in torch.split(order.to(self._device), at_once):
            source = self._take(part) if self._resized is None else self._resized[part]
            for start in range(0, len(part), size):
                images = source[start : start + size]
                if self._resized is None:
                    images = self._to_task(images)
                yield part[start : start + size], self._finish(images)

    def _take(self, indices: Tensor) -> UInt8[Tensor, "batch channels height width"]:
        """Native-size images on the device, augmented by the policy if there is one."""
        pixels = self._pixels[indices.to(self._pixels.device)].to(self._device).permute(0, 3, 1, 2)
        return pixels if self._policy is None else self._policy(pixels.contiguous())

    def _resize(self, pixels: UInt8[Tensor, "batch height width channels"]) -> Tensor:
        return self._to_task(pixels.to(self._device).permute(0, 3, 1, 2))  # (N, H, W, C) -> (N, C, H, W)

    def _to_task(self, pixels: UInt8[Tensor, "batch channels height width"]) -> Tensor:
        return resize_pixels(pixels.float(), self._task.height, self._task.width)

    def _finish(self, resized: Tensor) -> Float[Tensor, "batch channels height width"]:
        if self._jitter is not None:
            resized = jitter_images(resized, self._jitter)
        normalized = normalize_pixels(resized, self._mean, self._std)
        return normalized.contiguous(memory_format=torch.channels_last)


def choose_policy(dataset_name: str) -> PolicyName:
    """AutoAugment's CIFAR-10 policy for the CIFARs, its ImageNet policy for all other images."""
    return "cifar10" if dataset_name.startswith("cifar") else "imagenet"


def jitter_images(
    images: Float[Tensor, "batch channels height width"], jitter: Jitter
) -> Float[Tensor, "batch channels height width"]:
    """Each image shifted, rotated and zoomed by its own random amounts; pixels from outside the image are black (0)."""
    angle, zoom, shift_x, shift_y = (2 * torch.rand(len(images), 4) - 1).T  # each (N,) in [-1, 1)
    angle = angle * math.radians(jitter.rotation)
    scale = 1 + zoom * jitter.zoom
    # affine_grid measures in half sides, hence twice the share
    row_x = torch.stack([scale * torch.cos(angle), -torch.sin(angle), 2 * jitter.shift * shift_x], dim=1)
    row_y = torch.stack([torch.sin(angle), scale * torch.cos(angle), 2 * jitter.shift * shift_y], dim=1)
    transforms = torch.stack([row_x, row_y], dim=1).to(images.device)  # (N, 2, 3)
    grid = functional.affine_grid(transforms, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def mix_images(
    images: Float[Tensor, "batch channels height width"], labels: Int64[Tensor, " batch"], alpha: float, classes: int
) -> tuple[Float[Tensor, "batch channels height width"], Float[Tensor, "batch classes"]]:
    """MixUp (Zhang et al. 2018): each image mixed with another of its batch, by its own share from Beta(alpha, alpha).

    Returns the mixed images and their soft labels. torchvision's MixUp draws one share for a whole batch, timm's draws
    from numpy's global generator; this one draws a share per image from torch's.
    """
    shares = torch.distributions.Beta(alpha, alpha).sample((len(images),)).to(images)
    partners = torch.randperm(len(images)).to(images.device)
    soft = functional.one_hot(labels, classes).to(images)
    share = shares[:, None, None, None]
    mixed = torch.lerp(images[partners], images, share).contiguous(memory_format=torch.channels_last)
    return mixed, torch.lerp(soft[partners], soft, shares[:, None])
