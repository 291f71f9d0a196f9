"""How certain a figure is: an accuracy measured on a finite number of images, a mean over a few runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
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


def describe_interval(interval: Interval) -> str:
    """`95% interval 92.10% to 95.30%`."""
    return f"95% interval {interval}"


def wilson_interval(accuracy: float, num_images: int) -> Interval:
    """Wilson's score interval (Wilson 1927): holds near 0 and 1, where the normal approximation does not."""
    spread = _Z**2 / num_images
    center = (accuracy + spread / 2) / (1 + spread)
    half = _Z * sqrt(accuracy * (1 - accuracy) / num_images + spread / (4 * num_images)) / (1 + spread)
    # the ends meet the accuracy itself at 0 and 1, which rounding must not overshoot
    return Interval(max(0.0, min(accuracy, center - half)), min(1.0, max(accuracy, center + half)))


def half_width_of_difference(first: float, second: float, num_images: int) -> float:
    """Half of the 95% interval of the difference of two accuracies on the same number of images (normal approximation).

    Both were measured on the same images, but the records do not say which ones each got right: the true interval is no
    wider than this unless the networks err on different images more often than by chance.
    """
    variance = (first * (1 - first) + second * (1 - second)) / num_images
    return _Z * sqrt(variance)


@dataclass(frozen=True, slots=True)
class MeanShare:
    """A mean of shares. `low` to `high` is its 95% interval by Student's t, clipped to what a share can be, 0 to 1.

    For a single value `half_width` is None and the interval the value itself.
    """

    mean: float
    half_width: float | None
    low: float
    high: float

    def __str__(self) -> str:
        """`0.7958 [0.7708, 0.8208]`."""
        if self.half_width is None:
            return f"{self.mean:.4f} (one run)"
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def mean_share(shares: Sequence[float]) -> MeanShare:
    """The mean of at least one share with its interval."""
    mean, half = statistics.mean(shares), half_width_of_mean(shares)
    return MeanShare(mean, half, max(0.0, mean - (half or 0)), min(1.0, mean + (half or 0)))


def half_width_of_mean(values: Sequence[float]) -> float | None:
    """Half of the 95% interval of the mean of at least two values by Student's t (Student 1908); None for fewer.

    The values are taken as independent normal draws of unknown variance, with n - 1 degrees of freedom.
    """
    if len(values) < 2:
        return None
    from scipy.stats import t  # late: half a second

    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / sqrt(len(values))
