"""Every data set by its spec, `NAME[:DIR]`. Adding one means adding one reader and one entry here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nas.datasets import cifar10, cifar100, fashion_mnist
from nas.datasets.cifar10 import read_cifar10
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
    """One known data set. A shape of None is that of the folder's images, which the spec must then name.

    `folder` is where it is read from unless the spec says otherwise, None when it needs none or has no usual place.
    """

    shape: DatasetShape | None
    folder: Path | None
    read: Callable[[Path], Source]


def _read_folder(folder: Path) -> Source:
    from nas.datasets.image_folder import read_folder  # late: Pillow

    return read_folder(folder)


ENTRIES: dict[str, DatasetEntry] = {
    "digits": DatasetEntry(DatasetShape(8, 8, 1, 10), None, lambda _: read_digits()),
    "fashion-mnist": DatasetEntry(DatasetShape(28, 28, 1, 10), fashion_mnist.DEFAULT_FOLDER, read_fashion_mnist),
    "cifar10": DatasetEntry(DatasetShape(32, 32, 3, 10), cifar10.DEFAULT_FOLDER, read_cifar10),
    "cifar100": DatasetEntry(DatasetShape(32, 32, 3, 100), cifar100.DEFAULT_FOLDER, read_cifar100),
    "folder": DatasetEntry(None, None, _read_folder),
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
    """(height, width, channels, num_classes) of a spec. Raises SettingError if unknown.

    Files are opened only for folder:DIR, and only their headers; the size is the one they are stored at.
    """
    _, entry, folder = _parse_spec(spec)
    if entry.shape is not None:
        return entry.shape
    from nas.datasets.image_folder import scan_folder  # late: Pillow

    scan = scan_folder(folder)
    return DatasetShape(scan.height, scan.width, scan.channels, len(scan.class_names))


def _parse_spec(spec: str) -> tuple[str, DatasetEntry, Path]:
    name, colon, folder = spec.partition(":")
    if name not in ENTRIES:
        known = ", ".join(_format(key, entry) for key, entry in ENTRIES.items())
        raise SettingError(f"data must be one of {known}; got {spec!r}")
    entry = ENTRIES[name]
    is_free = entry.folder is None and entry.shape is not None
    if (colon and (is_free or not folder)) or (entry.shape is None and not colon):
        rule = "takes no folder" if is_free else "needs a folder after the colon"
        raise SettingError(f"data {name} {rule}; got {spec!r}")
    return name, entry, Path(folder).expanduser() if folder else entry.folder or Path()


def _format(name: str, entry: DatasetEntry) -> str:
    """How a spec is written."""
    if entry.shape is None:
        return f"{name}:DIR"
    return name if entry.folder is None else f"{name}[:DIR]"
