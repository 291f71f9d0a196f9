"""Data sets as plain arrays: the splits, how they are drawn, and the figures that training and export share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.datasets.storage import allocate_images
from nas.errors import SettingError

Images: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]

CHUNK_IMAGES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (N, H, W, C) uint8 and labels (N,) int64 in the same order."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> Split:
        """The images at `indices`, in that order."""
        taken = allocate_images((len(indices), *self.images.shape[1:]))
        for start in range(0, len(indices), CHUNK_IMAGES):  # images above the memory limit are never loaded whole
            part = slice(start, start + CHUNK_IMAGES)
            taken[part] = self.images[indices[part]]
        return Split(taken, self.labels[indices])


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a data set's files hold before a validation split is held out of the training images.

    `validation` is given where the files have one. `remarks` are sentences a user should read, one line each.
    """

    train: Split
    test: Split
    class_names: tuple[str, ...]
    validation: Split | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Three disjoint splits. `mean` and `std` are per channel over the training split, pixels scaled to [0, 1].

    `fingerprint` is 16 hexadecimal digits of every pixel and label of the three splits, in order. `remarks` are the
    source's.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    remarks: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


def assemble_dataset(
    name: str, source: Source, *, validation_fraction: float, seed: int, train_limit: int = 0
) -> Dataset:
    """The data set with a stratified validation split drawn by `seed` from the training images, or the source's own.

    `train_limit` > 0 then keeps that many training images, stratified too; validation and test stay whole. Raises
    SettingError for a fraction outside (0, 1) or one that leaves a split empty, and for a limit below one image per
    class.
    """
    if not 0 < validation_fraction < 1:
        raise SettingError(f"validation_fraction must lie between 0 and 1; got {validation_fraction}")
    if train_limit and train_limit < len(source.class_names):
        rule = f"must be 0 (all) or at least one image per class ({len(source.class_names)})"
        raise SettingError(f"train_limit {rule}; got {train_limit}")
    train, validation = source.train, source.validation
    if validation is None:
        train, validation = _hold_out(source.train, validation_fraction, seed)
    if 0 < train_limit < len(train):
        train = train.take(draw_stratified(train.labels, train_limit, seed))
    mean, std = measure_channels(train.images)
    names, remarks = source.class_names, source.remarks
    dataset = Dataset(name, train, validation, source.test, names, mean, std, fingerprint="", remarks=remarks)
    return replace(dataset, fingerprint=_fingerprint(dataset))


def _hold_out(whole: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """(training, validation) of the images, validation stratified and drawn by `seed`."""
    num_held = round(fraction * len(whole))
    if not 0 < num_held < len(whole):
        rule = f"must leave images for training and validation of {len(whole)}"
        raise SettingError(f"validation_fraction {rule}; got {fraction}")
    held = draw_stratified(whole.labels, num_held, seed)
    return whole.take(np.setdiff1d(np.arange(len(whole)), held)), whole.take(held)


def draw_stratified(labels: Labels, count: int, seed: int) -> NDArray[np.int64]:
    """`count` indices in ascending order, each class keeping its share to within one image (largest remainders)."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    shares = sizes * count / len(labels)
    quotas = np.floor(shares).astype(np.int64)
    # stable, so equal remainders go to the lowest labels on every machine
    largest = np.argsort(-(shares - quotas), kind="stable")[: count - int(quotas.sum())]
    quotas[largest] += 1
    drawn = [
        rng.permutation(np.flatnonzero(labels == label))[:quota]
        for label, quota in zip(classes.tolist(), quotas.tolist(), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def measure_channels(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel in [0, 1], exact from a histogram: no float copy of the images."""
    levels = np.arange(256) / 255
    means: list[float] = []
    deviations: list[float] = []
    for channel in range(images.shape[3]):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(images), CHUNK_IMAGES):
            counts += np.bincount(images[start : start + CHUNK_IMAGES, ..., channel].ravel(), minlength=256)
        mean = float((counts * levels).sum() / counts.sum())
        variance = float((counts * (levels - mean) ** 2).sum() / counts.sum())
        means.append(mean)
        deviations.append(max(variance**0.5, 1 / 255))  # a constant channel must not divide by zero
    return tuple(means), tuple(deviations)


def _fingerprint(dataset: Dataset) -> str:
    digest = hashlib.sha256(dataset.name.encode())
    for split in (dataset.train, dataset.validation, dataset.test):
        digest.update(str(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)  # no copy
        digest.update(split.labels.tobytes())
    return digest.hexdigest()[:16]
