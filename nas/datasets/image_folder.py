"""A user's own images: a folder with a subfolder per class, with or without train, val and test above them.

Nothing in such a folder is trusted: names are cleaned before they are shown, and a file that is not a readable image is
left out, with a remark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from nas.datasets.images import Source, Split, draw_stratified
from nas.datasets.picture_files import Header, UnreadableImageError, read_header, read_pixels
from nas.datasets.storage import allocate_images
from nas.errors import SettingError
from nas.plain_text import plain

SPLITS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}
TEST_FRACTION, TEST_SEED = 0.2, 0  # where the folder has no test split: fixed, so final accuracies compare
MIN_IMAGES = 3  # per class: one for each split, if need be
MAX_SIDE = 256  # pixels of a stored image
MAX_NAME = 64  # characters of a class name
IMBALANCE = 2.0  # from this ratio of the largest to the smallest class upwards, a remark says so
NUM_NAMED = 5  # unreadable files and classes named in a remark


@dataclass(frozen=True, slots=True)
class _File:
    """One readable image: its class and header."""

    path: Path
    label: int
    header: Header


@dataclass(frozen=True, slots=True)
class FolderScan:
    """What a folder holds, before any pixel is decoded. Images are stored at height x width, channels 1 or 3.

    These are the medians of the images' own sizes, scaled down to `MAX_SIDE` where they are larger.
    """

    files: Mapping[str, tuple[_File, ...]]
    class_names: tuple[str, ...]
    unreadable: tuple[str, ...]
    height: int
    width: int
    channels: int


@lru_cache(maxsize=2)  # a run asks for it several times; a folder is taken as it was when this process first asked
def scan_folder(folder: Path) -> FolderScan:
    """The readable images of a folder by split ("train", "val", "test"; the latter two may be missing).

    Raises SettingError for a folder without classes, with a single one, or with one of too few images.
    """
    roots = _find_splits(folder)
    classes = _list_folders(roots["train"])
    if len(classes) < 2:
        found = f"one class, {plain(classes[0].name)[:MAX_NAME]}" if classes else "no subfolder"
        raise SettingError(
            f"folder:DIR needs a subfolder with images for each of two classes or more; {roots['train']} has {found}"
        )
    names = [path.name for path in classes]
    files: dict[str, tuple[_File, ...]] = {}
    unreadable: list[str] = []
    for split, root in roots.items():
        strange = [path.name for path in _list_folders(root) if path.name not in names]
        if strange:
            rule, name = f"every class of {root} needs images for training", plain(strange[0])[:MAX_NAME]
            raise SettingError(f"{rule}; {name} has none in {roots['train']}; add some or remove it")
        readable, others = _read_headers(root, names)
        files[split] = tuple(readable)
        unreadable += [plain(path.relative_to(folder)) for path in others]
    _require_images(files, names, roots)
    headers = [file.header for group in files.values() for file in group]
    height, width = _choose_size(headers)
    channels = 1 if all(header.is_grey for header in headers) else 3
    return FolderScan(
        files, tuple(plain(name)[:MAX_NAME] for name in names), tuple(unreadable), height, width, channels
    )


def read_folder(folder: Path) -> Source:
    """The images of a folder, each resized to one size; a fifth of them becomes the test split where there is none.

    Aspect ratios are not kept. Remarks say what was left out and how unequal the classes are.
    """
    scan = scan_folder(folder)
    unreadable = list(scan.unreadable)
    splits = {name: _decode(files, scan, folder, unreadable) for name, files in scan.files.items()}
    train, test = splits["train"], splits.get("test")
    if test is None:
        held = draw_stratified(train.labels, max(1, round(TEST_FRACTION * len(train))), TEST_SEED)
        train, test = train.take(np.setdiff1d(np.arange(len(train)), held)), train.take(held)
    return Source(train, test, scan.class_names, splits.get("val"), tuple(_remark(train, scan.class_names, unreadable)))


def _find_splits(folder: Path) -> dict[str, Path]:
    """The folder of each split; without a train folder, all of it is training."""
    if not folder.is_dir():
        raise SettingError(f"folder:DIR needs a folder with a subfolder of images a class; {folder} is none")
    found = {split: folder / name for split, names in SPLITS.items() for name in names if (folder / name).is_dir()}
    return found if "train" in found else {"train": folder}


def _list_folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))


def _read_headers(root: Path, names: list[str]) -> tuple[list[_File], list[Path]]:
    """(readable, unreadable) files below the class folders, in the order of their paths."""
    readable: list[_File] = []
    unreadable: list[Path] = []
    for label, name in enumerate(names):
        for path in sorted((root / name).rglob("*")):
            if path.name.startswith(".") or not path.is_file():
                continue
            try:
                readable.append(_File(path, label, read_header(path)))
            except UnreadableImageError:
                unreadable.append(path)
    return readable, unreadable


def _require_images(files: Mapping[str, tuple[_File, ...]], names: list[str], roots: Mapping[str, Path]) -> None:
    counts = Counter(file.label for file in files["train"])
    for label, name in enumerate(names):
        if counts[label] < MIN_IMAGES:
            rule = f"every class needs at least {MIN_IMAGES} readable images for training"
            raise SettingError(
                f"{rule}; {plain(name)[:MAX_NAME]} has {counts[label]} in {roots['train']}; add some or remove it"
            )
    for split, group in files.items():
        if not group:
            raise SettingError(f"{roots[split]} must hold readable images; it has none; add some or remove it")


def _choose_size(headers: list[Header]) -> tuple[int, int]:
    """(height, width): the lower medians, scaled together so that the longer is at most `MAX_SIDE`."""
    height = sorted(header.height for header in headers)[(len(headers) - 1) // 2]
    width = sorted(header.width for header in headers)[(len(headers) - 1) // 2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _decode(files: tuple[_File, ...], scan: FolderScan, folder: Path, unreadable: list[str]) -> Split:
    """The pixels of a split; files whose header was sound but whose pixels are not join the unreadable ones."""
    images = allocate_images((len(files), scan.height, scan.width, scan.channels))
    labels: list[int] = []
    for file in files:
        try:
            images[len(labels)] = read_pixels(file.path, scan.height, scan.width, scan.channels)
        except UnreadableImageError:
            unreadable.append(plain(file.path.relative_to(folder)))
            continue
        labels.append(file.label)
    missing = set(range(len(scan.class_names))) - set(labels)
    if missing and files == scan.files["train"]:
        name = scan.class_names[min(missing)]
        raise SettingError(f"every class needs readable images for training; all of {name} are damaged; replace them")
    return Split(images[: len(labels)], np.array(labels, np.int64))


def _remark(train: Split, names: tuple[str, ...], unreadable: list[str]) -> list[str]:
    told: list[str] = []
    if unreadable:
        shown = ", ".join(unreadable[:NUM_NAMED]) + (", ..." if len(unreadable) > NUM_NAMED else "")
        told.append(f"{len(unreadable)} files are no readable images and were left out: {shown}")
    counts = np.bincount(train.labels, minlength=len(names))
    if counts.max() >= IMBALANCE * counts.min():
        most, least = int(counts.argmax()), int(counts.argmin())
        told.append(
            f"the classes are imbalanced: {names[most]} has {counts[most]} training images, {names[least]} has "
            f"{counts[least]}; class_weights = true in a recipe weighs them"
        )
    return told
