"""How sure an accuracy is that was measured on a finite number of images."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

_Z = 1.959964  # 95% of a normal distribution


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% confidence interval of an accuracy, as fractions."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2%} to {self.high:.2%}"


def wilson_interval(accuracy: float, num_images: int) -> Interval:
    """Wilson's score interval (Wilson 1927): holds near 0 and 1, where the normal approximation does not."""
    spread = _Z**2 / num_images
    center = (accuracy + spread / 2) / (1 + spread)
    half = _Z * sqrt(accuracy * (1 - accuracy) / num_images + spread / (4 * num_images)) / (1 + spread)
    # the ends meet the accuracy itself at 0 and 1, which rounding must not pass by
    return Interval(max(0.0, min(accuracy, center - half)), min(1.0, max(accuracy, center + half)))


def half_width_of_difference(first: float, second: float, num_images: int) -> float:
    """Half of the 95% interval of the difference of two accuracies on as many images each (normal approximation).

    Both were measured on the same images, which the records do not tell apart: the true interval is no wider than this
    unless the networks err on different images more often than by chance.
    """
    variance = (first * (1 - first) + second * (1 - second)) / num_images
    return _Z * sqrt(variance)
