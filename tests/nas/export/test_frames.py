"""Preprocessing three times: training's in torch, its integer form in Python, and the C that is delivered."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from firmware_examples import photograph_tiles
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from nas.datasets.images import measure_channels
from nas.datasets.preprocess import prepare_images
from nas.export.firmware.sources import _environment
from nas.export.frames import fit_affine, quantize_frames
from nas.export.tflite import Quantization
from nas.space.architecture import Task

TEMPLATES = Path(__file__).parents[3] / "nas/export/firmware/templates"
DIGITS = (load_digits().images * 255 / 16).astype(np.uint8)[..., np.newaxis]


class Frame(ctypes.Structure):
    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("stride_bytes", ctypes.c_int),
        ("channels", ctypes.c_int),
    )


def fit(task: Task, frames: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...], Quantization]:
    """Mean and std per network channel, and the quantization the converter would choose for the extreme pixels."""
    mean, std = measure_channels(frames)
    if len(mean) != task.channels:
        mean, std = (mean * 3)[: task.channels], (std * 3)[: task.channels]
    low = min(-centre / spread for centre, spread in zip(mean, std, strict=True))
    high = max((1 - centre) / spread for centre, spread in zip(mean, std, strict=True))
    scale = float(np.float32((high - low) / 255))
    return mean, std, Quantization(scale, round(-128 - low / scale))


def quantize_as_in_training(
    frames: NDArray[np.uint8], task: Task, mean: tuple[float, ...], std: tuple[float, ...], quantization: Quantization
) -> NDArray[np.int8]:
    prepared = prepare_images(frames, task.height, task.width, mean, std).permute(0, 2, 3, 1).numpy()
    return quantization.quantize(prepared)


def run_c(frames: NDArray[np.uint8], task: Task, affine: object, folder: Path) -> NDArray[np.int8]:
    """The delivered C, compiled for this machine."""
    config = _environment().get_template("preprocess_config.h.j2").render(banner="", task=task, affine=affine)
    (folder / "preprocess_config.h").write_text(config)
    library = folder / f"preprocess{len(list(folder.iterdir()))}.so"  # a loaded library keeps its name
    options = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-shared", "-fPIC", f"-I{folder}"]
    command = ["gcc", *options, f"-I{TEMPLATES}", TEMPLATES / "preprocess.c", "-o", library]
    subprocess.run(command, check=True)
    preprocess = ctypes.CDLL(str(library)).kilosmith_preprocess
    results = []
    for image in frames:
        padded = np.zeros((image.shape[0], image.shape[1] + 3, image.shape[2]), np.uint8)  # rows with gaps between
        padded[:, : image.shape[1]] = image
        answer = np.zeros((task.height, task.width, task.channels), np.int8)
        frame = Frame(padded.ctypes.data, image.shape[1], image.shape[0], padded.strides[0], image.shape[2])
        assert preprocess(ctypes.byref(frame), answer.ctypes.data_as(ctypes.c_void_p)) == 0
        results.append(answer)
    return np.stack(results)


CASES = {
    "digits as they are": (DIGITS[:100], Task(8, 8, 1, 10)),
    "digits enlarged": (DIGITS[:100], Task(32, 24, 1, 10)),
    "a camera's frame reduced": (np.array(load_sample_image("china.jpg"))[np.newaxis], Task(160, 160, 3, 10)),
    "tiles of a photograph, odd size": (photograph_tiles(32, 50, "flower.jpg"), Task(21, 37, 3, 10)),
    "tiles of a photograph, enlarged": (photograph_tiles(32, 20), Task(160, 160, 3, 10)),
}


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("case", CASES)
def test_c_equals_its_python_form_and_training_within_one_on_real_images(case: str, tmp_path: Path) -> None:
    frames, task = CASES[case]
    mean, std, quantization = fit(task, frames)
    affine = fit_affine(task, mean, std, quantization)
    ours = quantize_frames(frames, task, affine)
    assert np.array_equal(run_c(frames, task, affine, tmp_path), ours)
    difference = np.abs(ours.astype(int) - quantize_as_in_training(frames, task, mean, std, quantization))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02
    assert len(np.unique(ours)) > 10


@pytest.mark.usefixtures("compiler")
def test_an_rgb_frame_becomes_pillows_grayscale_for_a_network_of_one_channel(tmp_path: Path) -> None:
    frames, task = photograph_tiles(48, 10), Task(32, 32, 1, 10)
    gray = np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in frames])[..., np.newaxis]
    mean, std, quantization = fit(task, gray)
    affine = fit_affine(task, mean, std, quantization)
    expected = quantize_frames(gray, task, affine)
    assert np.array_equal(quantize_frames(frames, task, affine), expected)
    assert np.array_equal(run_c(frames, task, affine, tmp_path), expected)


@pytest.mark.usefixtures("compiler")
def test_a_grayscale_frame_fills_every_channel_and_an_impossible_one_is_refused(tmp_path: Path) -> None:
    task = Task(16, 16, 3, 10)
    mean, std, quantization = fit(task, np.repeat(DIGITS[:50], 3, axis=3))
    affine = fit_affine(task, mean, std, quantization)
    expected = quantize_frames(np.repeat(DIGITS[:5], 3, axis=3), task, affine)
    assert np.array_equal(run_c(DIGITS[:5], task, affine, tmp_path), expected)
    preprocess = ctypes.CDLL(str(next(tmp_path.glob("*.so")))).kilosmith_preprocess
    pixels, answer = np.zeros(300, np.uint8), np.zeros(768, np.int8)
    target = answer.ctypes.data_as(ctypes.c_void_p)
    at = pixels.ctypes.data
    for frame in (Frame(None, 4, 4, 4, 1), Frame(at, 0, 4, 4, 1), Frame(at, 4, 20_000, 4, 1), Frame(at, 4, 4, 8, 2)):
        assert preprocess(ctypes.byref(frame), target) == -1


@example(25, 0.0, 1 / 255, 1e-4, 0, 0)  # the slope rounds up to the first number that is too large
@example(325, 0.0, 0.5, 0.625, 127, 40)  # the offset outweighs the slope: it must not overflow
@given(
    st.integers(8, 512),
    st.floats(0, 1),
    st.floats(1 / 255, 0.5),
    st.floats(1e-4, 1.0),
    st.integers(-128, 127),
    st.integers(0, 255),
)
def test_the_fixed_point_rounds_as_real_arithmetic(
    side: int, mean: float, std: float, scale: float, zero_point: int, pixel: int
) -> None:
    task = Task(side, side, 1, 10)
    affine = fit_affine(task, (mean,), (std,), Quantization(scale, zero_point))
    assert affine.multipliers[0] < 2**31
    assert abs(affine.offsets[0]) < 2**62
    actual = int(quantize_frames(np.full((1, 2, 2, 1), pixel, np.uint8), task, affine)[0, 0, 0, 0])
    real = (pixel / 255 - mean) / std / scale + zero_point
    assert abs(actual - min(max(real, -128), 127)) <= 0.5 + 1e-4
