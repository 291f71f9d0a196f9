"""AutoAugment (Cubuk et al. 2019) on whole batches: torchvision's policies and operations, drawn image by image.

torchvision draws once per call, so it must be called for every image. Here all images of a batch draw first; those that
drew the same operation at the same magnitude then go through it together. That is several times as fast, above all at
CIFAR's small sizes, and the images may be on any device.
"""

from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import UInt8
from torch import Tensor

from nas.training.torchvision_import import import_torchvision

PolicyName = Literal["cifar10", "imagenet"]
NUM_LEVELS = 10  # magnitudes of an operation, as in the paper


class _Operation(NamedTuple):
    """One of the two operations of a sub-policy; `level` is None where the operation has no magnitude."""

    name: str
    probability: float
    level: int | None


class AutoAugment:
    """Augments uint8 images; random draws come from torch's global generator on the CPU, whatever the device."""

    def __init__(self, policy: PolicyName) -> None:
        import_torchvision()
        from torchvision.transforms import AutoAugmentPolicy
        from torchvision.transforms.v2 import AutoAugment as PerImage

        self._torchvision: Any = PerImage(AutoAugmentPolicy(policy))
        self._levels: dict[tuple[str, int, int], list[float] | None] = {}  # by operation, height and width
        # two operations each: ((name, probability, level), (name, probability, level))
        self.policies = [tuple(_Operation(*part) for part in pair) for pair in self._torchvision._policies]

    def __call__(
        self, images: UInt8[Tensor, "batch channels height width"]
    ) -> UInt8[Tensor, "batch channels height width"]:
        """Each image after its own sub-policy; pixels from outside the image are black."""
        result = images.clone()
        drawn = torch.randint(len(self.policies), (len(images),))
        for place in (0, 1):
            applied = torch.rand(len(images))
            signs = torch.where(torch.rand(len(images)) <= 0.5, -1.0, 1.0)
            groups: dict[tuple[str, float], list[int]] = {}
            for index, (policy, share, sign) in enumerate(
                zip(drawn.tolist(), applied.tolist(), signs.tolist(), strict=True)
            ):
                operation = self.policies[policy][place]
                if share <= operation.probability:
                    magnitude = self._magnitude(operation, sign, *images.shape[2:])
                    groups.setdefault((operation.name, magnitude), []).append(index)
            for (name, magnitude), members in groups.items():
                chosen = torch.tensor(members, device=images.device)
                result[chosen] = self._apply(result[chosen], name, magnitude)
        return result

    def _magnitude(self, operation: _Operation, sign: float, height: int, width: int) -> float:
        magnitudes, signed = self._torchvision._AUGMENTATION_SPACE[operation.name]
        key = operation.name, height, width
        if key not in self._levels:
            levels = magnitudes(NUM_LEVELS, height, width)
            self._levels[key] = None if levels is None else levels.tolist()
        found = self._levels[key]
        if found is None or operation.level is None:
            return 0.0
        return found[operation.level] * (sign if signed else 1.0)

    def _apply(self, images: Tensor, name: str, magnitude: float) -> Tensor:
        view = self._torchvision
        done: Tensor = view._apply_image_or_video_transform(
            images, name, magnitude, interpolation=view.interpolation, fill=view._fill
        )
        return done
