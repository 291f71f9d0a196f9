"""Every data set by its spec, `NAME[:DIR]`. Adding one means adding one reader and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nas.datasets import cifar100, fashion_mnist
from nas.datasets.cifar100 import read_cifar100
from nas.datasets.digits import read_digits
from nas.datasets.fashion_mnist import read_fashion_mnist
from nas.datasets.images import Dataset, Source, assemble_dataset
from nas.errors import SettingError


class DatasetShape(NamedTuple):
    """Native height and width in pixels, channels, classes."""

    height: int
    width: int
    channels: int
    num_classes: int


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One known data set; `folder` is where it is read from unless the spec says otherwise, None when it needs none."""

    shape: DatasetShape
    folder: Path | None
    read: Callable[[Path], Source]


ENTRIES: dict[str, DatasetEntry] = {
    "digits": DatasetEntry(DatasetShape(8, 8, 1, 10), None, lambda _: read_digits()),
    "fashion-mnist": DatasetEntry(DatasetShape(28, 28, 1, 10), fashion_mnist.DEFAULT_FOLDER, read_fashion_mnist),
    "cifar100": DatasetEntry(DatasetShape(32, 32, 3, 100), cifar100.DEFAULT_FOLDER, read_cifar100),
}


def load_dataset(spec: str, *, validation_fraction: float, seed: int, train_limit: int = 0) -> Dataset:
    """The data set of a spec, its validation split drawn by `seed` (see `assemble_dataset`).

    Raises SettingError for an unknown spec, a missing folder or a damaged file.
    """
    name, entry, folder = _parse_spec(spec)
    return assemble_dataset(
        name, entry.read(folder), validation_fraction=validation_fraction, seed=seed, train_limit=train_limit
    )


def describe_dataset(spec: str) -> DatasetShape:
    """(height, width, channels, num_classes) of a spec, without opening its files. Raises SettingError if unknown."""
    return _parse_spec(spec)[1].shape


def _parse_spec(spec: str) -> tuple[str, DatasetEntry, Path]:
    name, colon, folder = spec.partition(":")
    if name not in ENTRIES:
        known = ", ".join(key if entry.folder is None else f"{key}[:DIR]" for key, entry in ENTRIES.items())
        raise SettingError(f"data must be one of {known}; got {spec!r}")
    entry = ENTRIES[name]
    if colon and (entry.folder is None or not folder):
        rule = "takes no folder" if entry.folder is None else "needs a folder after the colon"
        raise SettingError(f"data {name} {rule}; got {spec!r}")
    return name, entry, Path(folder).expanduser() if folder else entry.folder or Path()
