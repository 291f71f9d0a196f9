"""Folders of arbitrary images: any size and format, unequal classes, damaged files, hostile names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.datasets import describe_dataset, load_dataset, picture_files, storage
from nas.datasets.image_folder import MAX_SIDE, read_folder
from nas.datasets.picture_files import UnreadableImageError, read_header, read_pixels
from nas.errors import SettingError

RED, BLUE = (200, 10, 20), (10, 20, 200)


def paint(path: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (20, 12), mode: str = "RGB") -> None:
    """A one-coloured image; `size` is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def fill(root: Path, counts: dict[str, int], **options: object) -> None:
    for name, count in counts.items():
        for index in range(count):
            paint(root / name / f"{index:03d}.png", (10 * index % 256, 0, 0), **options)  # type: ignore[arg-type]


def test_folder_becomes_disjoint_stratified_splits(tmp_path: Path) -> None:
    fill(tmp_path, {"b": 20, "a": 20})
    data = load_dataset(f"folder:{tmp_path}", validation_fraction=0.25, seed=0)
    assert data.class_names == ("a", "b")
    assert [np.bincount(split.labels).tolist() for split in (data.train, data.validation, data.test)] == [
        [12, 12],
        [4, 4],
        [4, 4],
    ]
    assert data.train.images.shape == (24, 12, 20, 3)
    seen = [
        {(int(label), int(image[0, 0, 0])) for image, label in zip(split.images, split.labels, strict=True)}
        for split in (data.train, data.validation, data.test)
    ]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 40
    assert describe_dataset(f"folder:{tmp_path}") == (12, 20, 3, 2)


def test_given_splits_are_kept_as_they_are(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("valid", 2), ("test", 3)):
        fill(tmp_path / split, {"a": count, "b": count})
    one, other = (load_dataset(f"folder:{tmp_path}", validation_fraction=0.25, seed=seed) for seed in (0, 1))
    assert [len(one.train), len(one.validation), len(one.test)] == [12, 4, 6]
    assert one.fingerprint == other.fingerprint


def test_sizes_and_formats_mix_and_the_median_size_is_stored(tmp_path: Path) -> None:
    for index, (suffix, size) in enumerate(
        [("png", (40, 30)), ("jpg", (60, 50)), ("bmp", (1000, 10)), ("gif", (60, 50))]
    ):
        for name in "ab":
            paint(tmp_path / name / f"{index}.{suffix}", size=size)
    source = read_folder(tmp_path)
    assert source.train.images.shape[1:] == (30, 60, 3)
    assert np.abs(source.train.images[:, 15, 30].astype(int) - RED).max() <= 4  # JPEG is not exact
    assert not source.remarks


def test_large_images_are_stored_no_larger_than_the_limit(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 3, "b": 3}, size=(1200, 600))
    assert read_folder(tmp_path).train.images.shape[1:] == (MAX_SIDE // 2, MAX_SIDE, 3)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "I;16", "I"])
def test_folder_without_colours_has_one_channel(tmp_path: Path, mode: str) -> None:
    for name in "ab":
        for index in range(4):
            path = tmp_path / name / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            if mode in ("I;16", "I"):
                Image.fromarray(np.full((8, 8), 0x8080, np.uint16)).save(path)
            else:
                Image.new("L", (8, 8), 128).convert(mode).save(path)
    images = read_folder(tmp_path).train.images
    assert images.shape[1:] == (8, 8, 1)
    if mode != "1":  # dithered to black and white
        assert images.mean() == pytest.approx(128, abs=1)


def test_one_coloured_image_makes_three_channels(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 4, "b": 4}, mode="L")
    paint(tmp_path / "b" / "9.png")
    assert read_folder(tmp_path).train.images.shape[3] == 3


def test_pictures_are_turned_upright_and_transparency_is_black(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    Image.new("RGB", (20, 10), RED).save(tmp_path / "turned.jpg", exif=exif)
    header = read_header(tmp_path / "turned.jpg")
    assert (header.height, header.width) == (20, 10)
    Image.new("RGBA", (4, 4), (*RED, 0)).save(tmp_path / "clear.png")
    assert read_pixels(tmp_path / "clear.png", 4, 4, 3).max() == 0


def test_unreadable_files_are_left_out_counted_and_named(tmp_path: Path) -> None:
    fill(tmp_path, {"a": 10, "b": 10}, size=(64, 64))
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / "empty.png").touch()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "b" / "torn.jpg")
    whole = (tmp_path / "b" / "torn.jpg").read_bytes()
    (tmp_path / "b" / "torn.jpg").write_bytes(whole[: len(whole) // 2])  # an intact header with half the pixels
    (tmp_path / "b" / "evil\x1b[31m.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    source = read_folder(tmp_path)
    assert len(source.train) + len(source.test) == 20
    (remark,) = source.remarks
    assert remark.startswith("4 files are no readable images and were left out: ")
    assert all(name in remark for name in ("a/notes.txt", "a/empty.png", "b/torn.jpg"))
    assert "\x1b" not in remark


def test_image_that_unfolds_into_gigabytes_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 100)
    paint(tmp_path / "bomb.png")
    with pytest.raises(UnreadableImageError, match="more than 100 pixels"):
        read_header(tmp_path / "bomb.png")


def test_imbalance_is_reported_with_its_figures_and_remedy(tmp_path: Path) -> None:
    fill(tmp_path, {"common": 40, "rare": 5})
    (remark,) = read_folder(tmp_path).remarks
    assert "common has 32 training images, rare has 4; class_weights = true" in remark


def test_class_names_are_cleaned(tmp_path: Path) -> None:
    fill(tmp_path, {"a\x1b[2J\u202eb": 4, "c" * 200: 4})
    assert read_folder(tmp_path).class_names == ("ab", "c" * 64)


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ({}, "two classes or more; .* has no subfolder"),
        ({"only": 9}, "two classes or more; .* has one class, only"),
        ({"a": 9, "b": 0}, "at least 3 readable images for training; b has 0"),
        ({"a": 9, "b": 2}, "at least 3 readable images for training; b has 2"),
    ],
)
def test_empty_and_single_classes_are_refused(tmp_path: Path, counts: dict[str, int], fault: str) -> None:
    for name in counts:
        (tmp_path / name).mkdir()
    fill(tmp_path, counts)
    with pytest.raises(SettingError, match=fault):
        read_folder(tmp_path)


def test_class_that_only_the_test_part_knows_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "train", {"a": 5, "b": 5})
    fill(tmp_path / "test", {"a": 2, "c": 2})
    with pytest.raises(SettingError, match="needs images for training; c has none"):
        read_folder(tmp_path)


@pytest.mark.parametrize("spec", ["folder", "folder:", "folder:/no/such/place"])
def test_folder_that_is_not_named_or_not_there_is_refused(spec: str) -> None:
    with pytest.raises(SettingError, match="folder"):
        describe_dataset(spec)


def test_images_past_the_memory_limit_lie_in_a_file_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"a": 20, "b": 20})
    spec = f"folder:{tmp_path}"
    kept = load_dataset(spec, validation_fraction=0.25, seed=0)
    monkeypatch.setattr(storage, "MEMORY_BYTES", 1000)
    mapped = load_dataset(spec, validation_fraction=0.25, seed=0)
    assert isinstance(mapped.train.images, np.memmap)
    assert not isinstance(kept.train.images, np.memmap)
    assert mapped.fingerprint == kept.fingerprint
    assert (mapped.mean, mapped.std) == (kept.mean, kept.std)
