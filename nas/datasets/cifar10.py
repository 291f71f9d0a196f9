"""CIFAR-10 from its official binary files: 50,000 training images in five files and 10,000 test images, 32x32 RGB."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.datasets.cifar_records import CifarFormat, read_class_names, read_records
from nas.datasets.images import Source, Split

DEFAULT_FOLDER = Path("data/cifar10")  # below the working directory
IMAGES_PER_FILE = 10_000
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
FORMAT = CifarFormat("CIFAR-10", "cifar10", "cifar-10-binary.tar.gz", "labels", 1, 0, 10)


def read_cifar10(folder: Path = DEFAULT_FOLDER) -> Source:
    """Training and test images (N, 32, 32, 3) with their labels.

    The files are looked for in `folder` and in `folder`/cifar-10-batches-bin. Without batches.meta.txt the classes are
    named by number. Raises SettingError for a missing or damaged file.
    """
    nested = folder / "cifar-10-batches-bin"
    place = nested if nested.is_dir() else folder
    parts = [read_records(place / name, IMAGES_PER_FILE, FORMAT) for name in TRAIN_FILES]
    train = Split(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
    test = read_records(place / "test_batch.bin", IMAGES_PER_FILE, FORMAT)
    return Source(train, test, read_class_names(place / "batches.meta.txt", FORMAT.num_classes))
