"""Fashion-MNIST from its gzipped idx files (Xiao et al. 2017): 60,000 training and 10,000 test images, 28x28 grey."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.images import Source, Split
from nas.errors import SettingError

DEFAULT_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's dataset-fashion-mnist puts it
CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
SIZE = 28
NUM_IMAGES = {"train": 60_000, "t10k": 10_000}


def read_fashion_mnist(folder: Path = DEFAULT_FOLDER) -> Source:
    """Training and test images (N, 28, 28, 1). Raises SettingError for a missing folder or an incomplete file."""
    if not folder.is_dir():
        remedy = "install it with `apt install dataset-fashion-mnist` or give fashion-mnist:DIR"
        raise SettingError(f"Fashion-MNIST must be in {folder}, which is no folder; {remedy}")
    return Source(_read_split(folder, "train"), _read_split(folder, "t10k"), CLASS_NAMES)


def _read_split(folder: Path, part: str) -> Split:
    count = NUM_IMAGES[part]
    images = _read_idx(folder / f"{part}-images-idx3-ubyte.gz", (count, SIZE, SIZE))
    path = folder / f"{part}-labels-idx1-ubyte.gz"
    labels = _read_idx(path, (count,))
    if labels.max() >= len(CLASS_NAMES):
        raise SettingError(f"{path}: labels must be below {len(CLASS_NAMES)}; got {labels.max()}; fetch the file again")
    return Split(images[..., None], labels.astype(np.int64))


def _read_idx(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The array of an idx file, which must have exactly this shape: magic 0x0000080R, R sizes, then bytes."""
    expected = b"".join(size.to_bytes(4, "big") for size in (0x0800 + len(shape), *shape))
    num_bytes = int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            header = file.read(len(expected))
            body = file.read(num_bytes + 1)  # one more than allowed: a longer file is as wrong as a shorter one
    except FileNotFoundError:
        raise SettingError(f"{path} is missing; Debian's package dataset-fashion-mnist brings it") from None
    except (OSError, EOFError, zlib.error) as error:
        raise SettingError(f"{path}: must be a whole gzip file; {error}; fetch the file again") from error
    if header != expected or len(body) != num_bytes:
        rule = f"must be idx data of shape {'x'.join(map(str, shape))}"
        raise SettingError(f"{path}: {rule}; its header or length differs; fetch the file again")
    return np.frombuffer(body, np.uint8).reshape(shape).copy()  # writable, as torch requires
