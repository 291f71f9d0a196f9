"""Firmware of the one network with every feature, with test vectors cut from a real photograph."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from export_examples import full_example, full_model
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from nas.datasets.images import Split, measure_channels
from nas.export.firmware import FirmwareModel, arena_with_margin, describe_host, render_firmware
from nas.export.frames import fit_affine, quantize_frames
from nas.export.tflite import list_operators, read_quantization
from nas.export.tflm import measure_arena, predict
from nas.export.vectors import choose_vectors

NAMES = ("plain", 'quo"te', "back\\slash", "tri??/graph", "new\nline", "Käse 🧀", "*/ // end", "%s%n", "", "{{ name }}")


def photograph_tiles(size: int, count: int, image: str = "china.jpg") -> NDArray[np.uint8]:
    """Square RGB pieces (N, size, size, 3) of one of scikit-learn's photographs."""
    photo = load_sample_image(image)
    rng = np.random.default_rng(0)
    corners = [(rng.integers(photo.shape[0] - size), rng.integers(photo.shape[1] - size)) for _ in range(count)]
    return np.stack([photo[top : top + size, left : left + size] for top, left in corners])


@functools.cache
def firmware_example() -> FirmwareModel:
    """Everything measured on the real model; 10 classes with names that must be escaped."""
    example, model = full_example(), full_model()
    tiles = photograph_tiles(40, 64)
    split = Split(tiles, np.arange(len(tiles)) % 10)
    mean, std = measure_channels(tiles)
    input_quantization, output_quantization = read_quantization(model)
    affine = fit_affine(example.task, mean, std, input_quantization)
    measured = measure_arena(model)
    logits = predict(model, quantize_frames(tiles, example.task, affine), arena_bytes=measured.total_bytes)
    vectors = choose_vectors(model, split, logits, example.task, affine, arena_bytes=measured.total_bytes)
    return FirmwareModel(
        name="c0007",
        model=model,
        task=example.task,
        input_quantization=input_quantization,
        output_quantization=output_quantization,
        class_names=NAMES,
        mean=mean,
        std=std,
        operators=list_operators(model),
        measured=measured,
        host=describe_host(),
        required_arena_bytes=measured.total_bytes - 100,
        arena_bytes=arena_with_margin(measured.total_bytes, 1 << 19),
        affine=affine,
        vectors=vectors,
    )


def write_firmware(folder: Path) -> None:
    """The sources of the example under `folder`."""
    for name, text in render_firmware(firmware_example()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="ascii")


def replace_in(path: Path, old: str, new: str) -> None:
    """Alter a source; the text must occur exactly once."""
    text = path.read_text(encoding="ascii")
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="ascii")
