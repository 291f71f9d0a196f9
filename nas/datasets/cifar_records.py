"""The binary files of both CIFARs (Krizhevsky 2009): label bytes, then a red, a green and a blue plane of 32x32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.datasets.images import Split
from nas.errors import SettingError

SIZE, CHANNELS = 32, 3


@dataclass(frozen=True, slots=True)
class CifarFormat:
    """One of the two formats: its names, how many bytes of labels a record has, and which of them is the class."""

    title: str
    spec: str
    archive: str
    label: str
    num_label_bytes: int
    label_byte: int
    num_classes: int

    @property
    def record_bytes(self) -> int:
        """Bytes of one image with its labels."""
        return self.num_label_bytes + CHANNELS * SIZE * SIZE


def read_records(path: Path, num_images: int, form: CifarFormat) -> Split:
    """The images (N, 32, 32, 3) and labels of one file; raises SettingError for a missing or damaged one."""
    if not path.is_file():
        remedy = f"unpack {form.archive} (https://www.cs.toronto.edu/~kriz/cifar.html) and give {form.spec}:DIR"
        raise SettingError(f"{form.title} needs {path}, which is no file; {remedy}")
    expected = num_images * form.record_bytes
    if path.stat().st_size != expected:
        rule = f"must have {expected:,} bytes ({num_images:,} records of {form.record_bytes:,})"
        raise SettingError(f"{path}: {rule}; got {path.stat().st_size:,}; unpack the archive again")
    try:
        records = np.fromfile(path, np.uint8).reshape(-1, form.record_bytes)
    except OSError as error:
        raise SettingError(f"{path}: must be readable; {error.strerror}; unpack the archive again") from error
    labels = records[:, form.label_byte].astype(np.int64)
    if labels.max() >= form.num_classes:
        wrong = int(np.argmax(labels >= form.num_classes))
        rule = f"{form.label} must be below {form.num_classes}"
        raise SettingError(f"{path}: {rule}; record {wrong} has {labels[wrong]}; unpack the archive again")
    planes = records[:, form.num_label_bytes :].reshape(-1, CHANNELS, SIZE, SIZE)
    return Split(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


def read_class_names(path: Path, num_classes: int) -> tuple[str, ...]:
    """One name per line; without the file the classes are named by number."""
    if not path.is_file():
        return tuple(str(label) for label in range(num_classes))
    names = tuple(path.read_text(encoding="utf-8", errors="replace").split())
    if len(names) != num_classes:
        raise SettingError(f"{path}: must name {num_classes} classes; got {len(names)}; unpack the archive again")
    return names
