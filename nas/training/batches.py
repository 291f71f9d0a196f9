"""Training batches: augmented at native size, then prepared exactly as calibration and evaluation prepare."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from nas.architecture import Task
from nas.datasets.images import Dataset
from nas.datasets.preprocess import normalize_pixels, prepare_images, resize_pixels
from nas.training.recipe import Augmentation
from nas.training.torchvision_import import import_torchvision

CACHE_BYTES = 512 * 1024**2
SHIFT_SHARE = 8  # of the side: 4 pixels of 32, as the usual CIFAR crop

Augment = Callable[[UInt8[Tensor, "batch height width channels"]], UInt8[Tensor, "batch height width channels"]]


class TrainingImages:
    """The training split as network inputs, by index. Random draws come from torch's global generator.

    Without augmentation the prepared images are kept when they fit in `CACHE_BYTES`; else every batch is prepared
    anew from the uint8 images.
    """

    def __init__(self, dataset: Dataset, task: Task, augmentation: Augmentation, device: str) -> None:
        self._dataset = dataset
        self._task = task
        self._device = device
        self._augment = build_augmentation(augmentation)
        self._pixels = torch.from_numpy(dataset.train.images)  # (N, H, W, C) uint8, shared with the data set
        self._prepared: Tensor | None = None
        num_bytes = 4 * len(dataset.train) * task.height * task.width * task.channels
        if self._augment is None and num_bytes <= CACHE_BYTES:
            whole = prepare_images(dataset.train.images, task.height, task.width, dataset.mean, dataset.std)
            self._prepared = whole.to(device).contiguous(memory_format=torch.channels_last)

    def __len__(self) -> int:
        return len(self._dataset.train)

    def batch(self, indices: Int64[Tensor, " batch"]) -> Float[Tensor, "batch channels height width"]:
        """The images at `indices`, augmented and prepared, on the device."""
        if self._prepared is not None:
            return self._prepared[indices.to(self._device)]
        pixels = self._pixels[indices]
        if self._augment is not None:
            pixels = self._augment(pixels)
        # (N, H, W, C) -> (N, C, H, W): a view that is channels_last already
        moved = pixels.to(self._device).permute(0, 3, 1, 2).float()
        resized = resize_pixels(moved, self._task.height, self._task.width)
        return normalize_pixels(resized, self._dataset.mean, self._dataset.std)


def build_augmentation(kind: Augmentation) -> Augment | None:
    """The augmentation of (N, H, W, C) uint8 images, None for none."""
    match kind:
        case "none":
            return None
        case "shift":
            return shift_images
        case "autoaugment":
            return _build_autoaugment()


def shift_images(
    pixels: UInt8[Tensor, "batch height width channels"],
) -> UInt8[Tensor, "batch height width channels"]:
    """Each image moved by its own whole pixels, up to an eighth of its side (at least 1); black comes in."""
    count, height, width, _ = pixels.shape
    reach_y, reach_x = max(1, height // SHIFT_SHARE), max(1, width // SHIFT_SHARE)
    padded = torch.nn.functional.pad(pixels, (0, 0, reach_x, reach_x, reach_y, reach_y))
    rows = torch.arange(height) + torch.randint(0, 2 * reach_y + 1, (count, 1))  # (N, H)
    columns = torch.arange(width) + torch.randint(0, 2 * reach_x + 1, (count, 1))  # (N, W)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _build_autoaugment() -> Augment:
    """torchvision's CIFAR-10 policy, drawn for each image by itself."""
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
