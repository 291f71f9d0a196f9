"""Data sets: stratified disjoint splits, and files that are read whole or refused with the rule they break."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.datasets import Dataset, cifar10, cifar100, describe_dataset, fashion_mnist, load_dataset
from nas.datasets.images import Source, Split, assemble_dataset, draw_stratified
from nas.errors import SettingError


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0)


@pytest.fixture
def small_cifar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar100, "NUM_IMAGES", {"train.bin": 400, "test.bin": 100})


@pytest.fixture
def small_fashion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "NUM_IMAGES", {"train": 50, "t10k": 20})


def write_cifar(folder: Path) -> None:
    """CIFAR-100 files of 400 and 100 records; the red, green and blue of image i are i % 256, 1 and 2."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train.bin", 400), ("test.bin", 100)):
        records = np.zeros((count, 3074), np.uint8)
        records[:, 1] = np.arange(count) % 100
        records[:, 2:1026] = (np.arange(count) % 256)[:, None]
        records[:, 1026:2050] = 1
        records[:, 2050:] = 2
        records.tofile(folder / name)


def write_fashion(folder: Path, part: str, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        header = b"".join(int(number).to_bytes(4, "big") for number in (0x0800 + array.ndim, *array.shape))
        with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb") as file:
            file.write(header + array.tobytes())


def test_digits_are_split_without_losing_or_sharing_an_image(digits: Dataset) -> None:
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1150, 288, 359)
    assert digits.train.images.shape[1:] == (8, 8, 1)
    assert digits.train.images.dtype == np.uint8
    assert digits.train.images.max() == 255
    for split in (digits.train, digits.validation, digits.test):
        shares = np.bincount(split.labels, minlength=10) / len(split)
        assert np.abs(shares - 0.1).max() < 0.01


def test_seed_moves_the_validation_split_but_never_the_test_split(digits: Dataset) -> None:
    other = load_dataset("digits", validation_fraction=0.2, seed=1)
    assert np.array_equal(other.test.images, digits.test.images)
    assert not np.array_equal(other.validation.images, digits.validation.images)
    assert other.fingerprint != digits.fingerprint
    assert load_dataset("digits", validation_fraction=0.2, seed=0).fingerprint == digits.fingerprint


def test_train_limit_keeps_a_stratified_part_and_leaves_the_other_splits(digits: Dataset) -> None:
    limited = load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=100)
    assert np.bincount(limited.train.labels).tolist() == [10] * 10
    assert np.array_equal(limited.validation.images, digits.validation.images)
    assert np.array_equal(limited.test.images, digits.test.images)


def test_channel_figures_are_those_of_the_training_split(digits: Dataset) -> None:
    pixels = digits.train.images / 255
    assert digits.mean == pytest.approx((pixels.mean(),))
    assert digits.std == pytest.approx((pixels.std(),))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=80), st.data())
def test_stratified_draw_keeps_every_share_to_within_one(labels: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(labels)))
    array = np.array(labels, np.int64)
    drawn = draw_stratified(array, count, seed=0)
    assert len(set(drawn.tolist())) == count
    for label in set(labels):
        share = labels.count(label) * count / len(labels)
        assert abs(int((array[drawn] == label).sum()) - share) < 1


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, 1e-9, float("nan")])
def test_validation_fraction_that_empties_a_split_is_refused(fraction: float) -> None:
    with pytest.raises(SettingError, match="validation_fraction"):
        load_dataset("digits", validation_fraction=fraction, seed=0)


@pytest.mark.parametrize("limit", [-1, 9])
def test_train_limit_below_one_image_a_class_is_refused(limit: int) -> None:
    with pytest.raises(SettingError, match=f"train_limit .*10.*got {limit}"):
        load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=limit)


def test_constant_channel_does_not_divide_by_zero() -> None:
    split = Split(np.zeros((10, 4, 4, 1), np.uint8), np.zeros(10, np.int64))
    dataset = assemble_dataset("black", Source(split, split, ("black",)), validation_fraction=0.5, seed=0)
    assert dataset.std[0] > 0


@pytest.mark.parametrize("spec", ["mnist", "", "digits:/tmp", "cifar100:"])
def test_wrong_spec_is_refused_and_quoted(spec: str) -> None:
    with pytest.raises(SettingError, match=r"^data .*got "):
        describe_dataset(spec)


def test_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"digits, fashion-mnist.*cifar100"):
        load_dataset("mnist", validation_fraction=0.2, seed=0)


def test_description_needs_no_files() -> None:
    assert describe_dataset("cifar100:/no/such/folder") == (32, 32, 3, 100)
    assert describe_dataset("fashion-mnist") == (28, 28, 1, 10)
    assert describe_dataset("digits") == (8, 8, 1, 10)


def test_naming_a_data_set_imports_neither_torch_nor_sklearn() -> None:
    code = "import sys, nas.datasets; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.usefixtures("small_cifar")
@pytest.mark.parametrize("nested", ["", "cifar-100-binary"])
def test_cifar_records_become_images_and_fine_labels(tmp_path: Path, nested: str) -> None:
    write_cifar(tmp_path / nested)
    source = cifar100.read_cifar100(tmp_path)
    assert source.train.images.shape == (400, 32, 32, 3)
    assert source.train.images[255, 7, 9].tolist() == [255, 1, 2]
    assert source.test.labels.tolist() == list(range(100))
    assert source.class_names[:2] == ("0", "1")
    (tmp_path / nested / "fine_label_names.txt").write_text("\n".join(f"name{label}" for label in range(100)))
    assert cifar100.read_cifar100(tmp_path).class_names[99] == "name99"


@pytest.mark.usefixtures("small_cifar")
def test_truncated_cifar_file_is_refused_with_its_size(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    whole = (tmp_path / "test.bin").read_bytes()
    (tmp_path / "test.bin").write_bytes(whole[:-1])
    with pytest.raises(SettingError, match=r"test\.bin: must have 307,400 bytes .*got 307,399"):
        cifar100.read_cifar100(tmp_path)


@pytest.mark.usefixtures("small_cifar")
def test_cifar_label_out_of_range_is_refused_with_its_record(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    content = bytearray((tmp_path / "train.bin").read_bytes())
    content[7 * 3074 + 1] = 100
    (tmp_path / "train.bin").write_bytes(content)
    with pytest.raises(SettingError, match=r"train\.bin: fine labels must be below 100; record 7 has 100"):
        cifar100.read_cifar100(tmp_path)


@pytest.mark.usefixtures("small_cifar")
def test_short_list_of_cifar_class_names_is_refused(tmp_path: Path) -> None:
    write_cifar(tmp_path)
    (tmp_path / "fine_label_names.txt").write_text("apple\n")
    with pytest.raises(SettingError, match="must name 100 classes; got 1"):
        cifar100.read_cifar100(tmp_path)


@pytest.mark.parametrize("nested", ["", "cifar-10-batches-bin"])
def test_cifar10_files_become_images_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: str) -> None:
    monkeypatch.setattr(cifar10, "IMAGES_PER_FILE", 20)
    folder = tmp_path / nested
    folder.mkdir(exist_ok=True)
    for place, name in enumerate([*cifar10.TRAIN_FILES, "test_batch.bin"]):
        records = np.zeros((20, 3073), np.uint8)
        records[:, 0] = np.arange(20) % 10
        records[:, 1:1025] = place
        records[:, 2049:] = 9
        records.tofile(folder / name)
    source = cifar10.read_cifar10(tmp_path)
    assert source.train.images.shape == (100, 32, 32, 3)
    assert source.train.images[99, 5, 5].tolist() == [4, 0, 9]
    assert source.train.labels[:12].tolist() == [*range(10), 0, 1]
    assert source.test.images[0, 0, 0].tolist() == [5, 0, 9]
    (folder / "batches.meta.txt").write_text("\n".join(f"name{label}" for label in range(10)) + "\n")
    assert cifar10.read_cifar10(tmp_path).class_names[9] == "name9"
    (folder / "test_batch.bin").unlink()
    with pytest.raises(SettingError, match=r"CIFAR-10 needs .*cifar10:DIR"):
        cifar10.read_cifar10(tmp_path)


def test_missing_cifar_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no file; unpack .*cifar100:DIR"):
        load_dataset(f"cifar100:{tmp_path / 'none'}", validation_fraction=0.1, seed=0)


@pytest.mark.usefixtures("small_fashion")
def test_fashion_files_become_images_and_labels(tmp_path: Path) -> None:
    write_fashion(tmp_path, "train", 50)
    write_fashion(tmp_path, "t10k", 20)
    source = fashion_mnist.read_fashion_mnist(tmp_path)
    assert source.train.images.shape == (50, 28, 28, 1)
    assert source.train.images[49, 3, 3, 0] == 49
    assert source.test.labels.tolist() == [*range(10), *range(10)]


def test_missing_fashion_folder_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="apt install dataset-fashion-mnist"):
        load_dataset(f"fashion-mnist:{tmp_path / 'none'}", validation_fraction=0.1, seed=0)


@pytest.mark.usefixtures("small_fashion")
@pytest.mark.parametrize("damage", ["truncated", "not gzip", "too many", "label", "gone"])
def test_damaged_fashion_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    write_fashion(tmp_path, "train", 50)
    write_fashion(tmp_path, "t10k", 20)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    labels = gzip.decompress(whole)
    match damage:
        case "truncated":
            path.write_bytes(whole[:-9])
        case "not gzip":
            path.write_bytes(b"\x00" * 40)
        case "too many":
            path.write_bytes(gzip.compress(labels + b"\x00"))
        case "label":
            path.write_bytes(gzip.compress(labels[:-1] + b"\x0a"))
        case "gone":
            path.unlink()
    with pytest.raises(SettingError, match=r"train-labels-idx1-ubyte\.gz"):
        fashion_mnist.read_fashion_mnist(tmp_path)
