"""Training batches: resized and normalized exactly as calibration and evaluation do, augmented on the way."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional

from nas.architecture import Task
from nas.datasets.images import Dataset
from nas.datasets.preprocess import normalize_pixels, resize_pixels
from nas.training.recipe import Augmentation
from nas.training.torchvision_import import import_torchvision

CACHE_BYTES = 512 * 1024**2
CHUNK = 1024


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
    """The training split as network inputs, by index. Random draws come from torch's global generator.

    The resized images are kept when they fit in `CACHE_BYTES` and the augmentation does not work on the native ones;
    else every batch is resized anew from the uint8 images.
    """

    def __init__(self, dataset: Dataset, task: Task, augmentation: Augmentation, device: str) -> None:
        self._dataset = dataset
        self._task = task
        self._device = device
        self._pixels = torch.from_numpy(dataset.train.images)  # (N, H, W, C) uint8, shared with the data set
        self._policy = _build_autoaugment() if augmentation == "autoaugment" else None
        self._jitter = JITTERS.get(augmentation)
        num_bytes = 4 * len(dataset.train) * task.height * task.width * task.channels
        self._resized: Tensor | None = None
        if self._policy is None and num_bytes <= CACHE_BYTES:
            self._resized = torch.cat([self._resize(part) for part in torch.split(self._pixels, CHUNK)])

    def __len__(self) -> int:
        return len(self._dataset.train)

    def batch(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch channels height width"]:
        """The images at `indices`, augmented and prepared, on the device."""
        if self._resized is not None:
            resized = self._resized[indices.to(self._device)]
        else:
            pixels = self._pixels[indices]
            resized = self._resize(pixels if self._policy is None else self._policy(pixels))
        if self._jitter is not None:
            resized = jitter_images(resized, self._jitter)
        normalized = normalize_pixels(resized, self._dataset.mean, self._dataset.std)
        return normalized.contiguous(memory_format=torch.channels_last)

    def _resize(self, pixels: UInt8[Tensor, "batch height width channels"]) -> Tensor:
        moved = pixels.to(self._device).permute(0, 3, 1, 2).float()  # (N, H, W, C) -> (N, C, H, W)
        return resize_pixels(moved, self._task.height, self._task.width)


def jitter_images(
    images: Float[Tensor, "batch channels height width"], jitter: Jitter
) -> Float[Tensor, "batch channels height width"]:
    """Each image shifted, rotated and zoomed by its own random amounts; black (0) comes in from outside."""
    angle, zoom, shift_x, shift_y = (2 * torch.rand(len(images), 4) - 1).T  # each (N,) in [-1, 1)
    angle = angle * math.radians(jitter.rotation)
    scale = 1 + zoom * jitter.zoom
    # affine_grid counts in half sides, hence twice the share
    row_x = torch.stack([scale * torch.cos(angle), -torch.sin(angle), 2 * jitter.shift * shift_x], dim=1)
    row_y = torch.stack([torch.sin(angle), scale * torch.cos(angle), 2 * jitter.shift * shift_y], dim=1)
    transforms = torch.stack([row_x, row_y], dim=1).to(images.device)  # (N, 2, 3)
    grid = functional.affine_grid(transforms, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _build_autoaugment() -> Callable[[Tensor], Tensor]:
    """torchvision's CIFAR-10 policy on (N, H, W, C) uint8 images, drawn for each image by itself."""
    import_torchvision()
    from torchvision.transforms import AutoAugment, AutoAugmentPolicy

    policy = AutoAugment(AutoAugmentPolicy.CIFAR10)

    def augment(pixels: Tensor) -> Tensor:
        images = [policy(image) for image in pixels.permute(0, 3, 1, 2).contiguous()]  # (C, H, W) each
        return torch.stack(images).permute(0, 2, 3, 1)

    return augment


def build_mixup(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """MixUp (Zhang et al. 2018) from torchvision: (images, labels) -> (mixed images, soft labels (N, classes))."""
    import_torchvision()
    from torchvision.transforms.v2 import MixUp

    mixup: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = MixUp(alpha=alpha, num_classes=num_classes)
    return mixup
