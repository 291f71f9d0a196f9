"""CIFAR-100 from its official binary files: 50,000 training and 10,000 test images, 32x32 RGB."""

from __future__ import annotations

from pathlib import Path

from nas.datasets.cifar_records import CifarFormat, read_class_names, read_records
from nas.datasets.images import Source

DEFAULT_FOLDER = Path("data/cifar100")  # below the working directory
NUM_IMAGES = {"train.bin": 50_000, "test.bin": 10_000}
FORMAT = CifarFormat("CIFAR-100", "cifar100", "cifar-100-binary.tar.gz", "fine labels", 2, 1, 100)


def read_cifar100(folder: Path = DEFAULT_FOLDER) -> Source:
    """Training and test images (N, 32, 32, 3) with fine labels.

    The files are looked for in `folder` and in `folder`/cifar-100-binary. Without fine_label_names.txt the classes
    are named by number. Raises SettingError for a missing or damaged file.
    """
    nested = folder / "cifar-100-binary"
    place = nested if nested.is_dir() else folder
    train, test = (read_records(place / name, count, FORMAT) for name, count in NUM_IMAGES.items())
    return Source(train, test, read_class_names(place / "fine_label_names.txt", FORMAT.num_classes))
