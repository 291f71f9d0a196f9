"""Handwritten digits, 1,797 real 8x8 images that ship with scikit-learn (the UCI optdigits test part)."""

from __future__ import annotations

import numpy as np

from nas.datasets.images import Source, Split, draw_stratified

TEST_FRACTION = 0.2
TEST_SEED = 0  # fixed: whatever the run's seed, the test images are the same, so final accuracies compare


def read_digits() -> Source:
    """1,438 training and 359 test images (N, 8, 8, 1), pixel values 0..16 scaled to 0..255.

    scikit-learn provides one part, so the split is ours: a stratified fifth, drawn once with a fixed seed, is the test
    split. (The images come in writers' order, and writers may appear in both parts: easier than unseen writers.)
    """
    from sklearn.datasets import load_digits  # late: half a second that `--help` should not cost

    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)[..., None]
    everything = Split(images, data.target.astype(np.int64))
    held = draw_stratified(everything.labels, round(TEST_FRACTION * len(everything)), TEST_SEED)
    kept = np.setdiff1d(np.arange(len(everything)), held)
    return Source(everything.take(kept), everything.take(held), tuple(str(name) for name in data.target_names))
