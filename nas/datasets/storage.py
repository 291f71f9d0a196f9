"""Where images lie: in memory, or past a limit in a file that the system pages in and out."""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

MEMORY_BYTES = 2 * 1024**3  # an array above it lies in a temporary file


def allocate_images(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An uninitialized uint8 array. Above `MEMORY_BYTES` it is mapped to a temporary file without a name.

    That file vanishes with the array, however the process ends.
    """
    num_bytes = int(np.prod(shape, dtype=np.int64))
    if num_bytes <= MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        mapped: NDArray[np.uint8] = np.memmap(file, np.uint8, mode="w+", shape=shape)
    return mapped
