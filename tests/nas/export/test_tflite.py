from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nas.errors import SettingError
from nas.export.tflite import Quantization, convert_int8, list_operators, read_quantization

SUPPORTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "LEAKY_RELU", "LOGISTIC", "MUL", "MEAN", "ADD", "FULLY_CONNECTED"}
SE = ("MEAN", "CONV_2D", "CONV_2D", "LOGISTIC", "MUL")
SWISH = ("LOGISTIC", "MUL")


def test_operators_are_the_documented_ones_and_no_padding_or_quantize_among_them(model: bytes) -> None:
    leaky_block = ("CONV_2D", "LEAKY_RELU", "DEPTHWISE_CONV_2D", "LEAKY_RELU", *SE, "CONV_2D")
    assert list_operators(model) == (
        "CONV_2D",  # stem, ReLU6 inside
        *("DEPTHWISE_CONV_2D", *SWISH, *SE, "CONV_2D", "ADD"),
        *leaky_block,
        *leaky_block,
        *("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD"),  # ReLU6 inside
        *("MEAN", "FULLY_CONNECTED"),
    )


@pytest.mark.parametrize("seed", range(2))
def test_random_architectures_need_no_other_operator(seed: int, random_example: Callable[[int], Any]) -> None:
    assert set(list_operators(random_example(seed).convert())) <= SUPPORTED


def test_converting_twice_gives_equal_bytes(example: Any, model: bytes) -> None:
    assert example.convert() == model


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}]
from conftest import ALL_FEATURES, make_example
from nas.architecture import Task
from nas.export.onnx_network import export_onnx
from nas.export.tflm import measure_arena
import hashlib
example = make_example(ALL_FEATURES, Task(21, 16, 3, 10), seed=0)
model = example.convert()
measure_arena(model)
onnx = export_onnx(example.network, example.task)
print(hashlib.sha256(model).hexdigest(), hashlib.sha256(onnx).hexdigest())
"""


def test_another_process_gives_equal_bytes_and_nobody_writes_to_the_terminal(
    example: Any, model: bytes, onnx_model: bytes, request: pytest.FixtureRequest
) -> None:
    script = SCRIPT.format(tests=str(request.path.parent))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=request.config.rootpath)
    digests = [hashlib.sha256(content).hexdigest() for content in (model, onnx_model)]
    assert (done.stderr, done.stdout.split()) == ("", digests)


def test_calibration_images_of_another_shape_are_refused(example: Any) -> None:
    with pytest.raises(SettingError, match=r"calibration images must be \(N, 21, 16, 3\); got \(16, 16, 21, 3\)"):
        convert_int8(example.network, example.architecture, example.task, example.images.transpose(0, 2, 1, 3))


def test_quantize_rounds_half_away_from_zero_and_saturates() -> None:
    quantization = Quantization(scale=0.5, zero_point=3)
    values = np.array([0, 0.25, -0.25, 0.24999999, 0.74, 1000, -1000], np.float32)
    assert quantization.quantize(values).tolist() == [3, 4, 2, 3, 4, 127, -128]


def test_quantize_and_dequantize_are_inverse_on_integers(model: bytes) -> None:
    integers = np.arange(-128, 128).astype(np.int8)
    for quantization in read_quantization(model):
        assert np.array_equal(quantization.quantize(quantization.dequantize(integers)), integers)


def test_read_quantization_is_what_the_runtime_reports(model: bytes) -> None:
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    details = interpreter.get_input_details(0), interpreter.get_output_details(0)
    for quantization, detail in zip(read_quantization(model), details, strict=True):
        parameters = detail["quantization_parameters"]
        assert detail["dtype"] is np.int8
        assert (quantization.scale, quantization.zero_point) == (parameters["scales"][0], parameters["zero_points"][0])
