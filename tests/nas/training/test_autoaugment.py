"""AutoAugment on batches does what torchvision's does image by image."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nas.training.autoaugment import AutoAugment, PolicyName
from nas.training.batches import choose_policy

POLICIES: tuple[PolicyName, ...] = ("cifar10", "imagenet")


def draw_images(num: int, channels: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (num, channels, 32, 32), dtype=torch.uint8)


def insist(augment: AutoAugment, policy: int) -> Any:
    """Let both draw only one sub-policy, whose operations always happen; returns torchvision's policy."""
    certain = tuple(operation._replace(probability=1.0) for operation in augment.policies[policy])
    augment.policies = [certain]
    augment._torchvision._policies = [tuple(tuple(operation) for operation in certain)]
    return augment._torchvision


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("policy", range(25))
def test_every_sub_policy_equals_torchvisions(name: PolicyName, policy: int) -> None:
    torch.manual_seed(policy)
    images, augment = draw_images(4), AutoAugment(name)
    per_image = insist(augment, policy)
    # signs are drawn, so an image has up to four outcomes; 40 draws miss one of them once in 25,000
    possible = [{per_image(image).numpy().tobytes() for _ in range(40)} for image in images]
    augmented = augment(images)
    assert all(image.numpy().tobytes() in outcomes for image, outcomes in zip(augmented, possible, strict=True))


def test_every_image_draws_for_itself_at_the_policys_rates() -> None:
    torch.manual_seed(0)
    image, augment = draw_images(1), AutoAugment("cifar10")
    many = augment(image.expand(4000, -1, -1, -1))
    assert len({one.numpy().tobytes() for one in many}) > 50

    def stays(operation: Any) -> float:
        changed = augment._apply(image, operation.name, augment._magnitude(operation, 1.0, 32, 32))
        return 1.0 if torch.equal(changed, image) else 1 - operation.probability

    expected = sum(stays(one) * stays(two) for one, two in augment.policies) / 25
    untouched = sum(torch.equal(one, image[0]) for one in many) / len(many)
    assert untouched == pytest.approx(expected, abs=0.03)


def test_same_generator_state_gives_the_same_images_and_leaves_the_given_ones() -> None:
    images, augment = draw_images(64), AutoAugment("imagenet")
    before = images.clone()
    torch.manual_seed(3)
    first = augment(images)
    torch.manual_seed(3)
    assert torch.equal(augment(images), first)
    assert torch.equal(images, before)
    assert not torch.equal(first, before)


def test_grey_images_stay_grey() -> None:
    assert AutoAugment("imagenet")(draw_images(32, channels=1)).shape == (32, 1, 32, 32)


def test_cifar_has_its_policy_and_all_others_that_of_imagenet() -> None:
    names = ("cifar10", "cifar100", "digits", "fashion-mnist", "folder")
    assert [choose_policy(name) for name in names] == ["cifar10", "cifar10", "imagenet", "imagenet", "imagenet"]
