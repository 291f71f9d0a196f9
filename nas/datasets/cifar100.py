"""CIFAR-100 from its official binary files (Krizhevsky 2009): 50,000 training and 10,000 test images, 32x32 RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.datasets.images import Source, Split
from nas.errors import SettingError

DEFAULT_FOLDER = Path("data/cifar100")  # below the working directory
SIZE, CHANNELS, NUM_CLASSES = 32, 3, 100
RECORD_BYTES = 2 + CHANNELS * SIZE * SIZE  # coarse label, fine label, red plane, green plane, blue plane
NUM_IMAGES = {"train.bin": 50_000, "test.bin": 10_000}
NAMES_FILE = "fine_label_names.txt"


def read_cifar100(folder: Path = DEFAULT_FOLDER) -> Source:
    """Training and test images (N, 32, 32, 3) with fine labels.

    The files are looked for in `folder` and in `folder`/cifar-100-binary. Without fine_label_names.txt the classes
    are named by number. Raises SettingError for a missing or damaged file.
    """
    nested = folder / "cifar-100-binary"
    place = nested if nested.is_dir() else folder
    train, test = (_read_records(place / name) for name in NUM_IMAGES)
    return Source(train, test, _read_names(place / NAMES_FILE))


def _read_records(path: Path) -> Split:
    if not path.is_file():
        remedy = "unpack cifar-100-binary.tar.gz (https://www.cs.toronto.edu/~kriz/cifar.html) and give cifar100:DIR"
        raise SettingError(f"CIFAR-100 needs {path}, which is no file; {remedy}")
    expected = NUM_IMAGES[path.name] * RECORD_BYTES
    if path.stat().st_size != expected:
        rule = f"must have {expected:,} bytes ({NUM_IMAGES[path.name]:,} records of {RECORD_BYTES:,})"
        raise SettingError(f"{path}: {rule}; got {path.stat().st_size:,}; unpack the archive again")
    try:
        records = np.fromfile(path, np.uint8).reshape(-1, RECORD_BYTES)
    except OSError as error:
        raise SettingError(f"{path}: must be readable; {error.strerror}; unpack the archive again") from error
    labels = records[:, 1].astype(np.int64)
    if labels.max() >= NUM_CLASSES:
        wrong = int(np.argmax(labels >= NUM_CLASSES))
        rule = f"fine labels must be below {NUM_CLASSES}"
        raise SettingError(f"{path}: {rule}; record {wrong} has {labels[wrong]}; unpack the archive again")
    planes = records[:, 2:].reshape(-1, CHANNELS, SIZE, SIZE)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


def _read_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return tuple(str(label) for label in range(NUM_CLASSES))
    names = tuple(path.read_text(encoding="utf-8", errors="replace").split())
    if len(names) != NUM_CLASSES:
        raise SettingError(f"{path}: must name {NUM_CLASSES} classes; got {len(names)}; unpack the archive again")
    return names
