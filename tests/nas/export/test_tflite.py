from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from export_examples import full_example, full_model, random_example

from nas.errors import CheckError, SettingError
from nas.export.operator_support import require_supported
from nas.export.tensorflow_runtime import load_tensorflow
from nas.export.tflite import Quantization, convert_int8, list_operators, read_quantization

SUPPORTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "LEAKY_RELU", "LOGISTIC", "MUL", "MEAN", "ADD", "FULLY_CONNECTED"}
SE = ("MEAN", "CONV_2D", "CONV_2D", "LOGISTIC", "MUL")
SWISH = ("LOGISTIC", "MUL")


def test_operators_are_the_documented_ones_and_no_padding_or_quantize_among_them() -> None:
    leaky_block = ("CONV_2D", "LEAKY_RELU", "DEPTHWISE_CONV_2D", "LEAKY_RELU", *SE, "CONV_2D")
    assert list_operators(full_model()) == (
        "CONV_2D",  # stem, ReLU6 inside
        *("DEPTHWISE_CONV_2D", *SWISH, *SE, "CONV_2D", "ADD"),
        *leaky_block,
        *leaky_block,
        *("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "ADD"),  # ReLU6 inside
        *("MEAN", "FULLY_CONNECTED"),
    )


@pytest.mark.parametrize("seed", range(2))
def test_random_architectures_need_no_other_operator(seed: int) -> None:
    assert set(list_operators(random_example(seed).convert())) <= SUPPORTED


def test_converting_twice_gives_equal_bytes() -> None:
    assert full_example().convert() == full_model()


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}]
from export_examples import full_model
from nas.export.onnx_network import export_onnx
from nas.export.tflm import measure_arena
from nas.network.network import build_network
from nas.space.architecture import Architecture, Stage, Task
import hashlib
measure_arena(full_model())
small, task = Architecture((Stage("DWSepConv", 16, 3, 2, None, 0, False, "relu6", 1),)), Task(16, 16, 1, 10)
export_onnx(build_network(small, task, seed=0), task)
print(hashlib.sha256(full_model()).hexdigest())
"""


def test_another_process_gives_equal_bytes_and_writes_nothing_to_the_terminal(request: pytest.FixtureRequest) -> None:
    script = SCRIPT.format(tests=str(request.path.parent))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=request.config.rootpath)
    assert (done.stderr, done.stdout.strip()) == ("", hashlib.sha256(full_model()).hexdigest())


def test_calibration_images_of_another_shape_are_refused() -> None:
    example = full_example()
    with pytest.raises(SettingError, match=r"calibration images must be \(N, 21, 16, 3\); got \(16, 16, 21, 3\)"):
        convert_int8(example.network, example.architecture, example.task, example.images.transpose(0, 2, 1, 3))


def test_quantize_rounds_half_away_from_zero_and_saturates() -> None:
    quantization = Quantization(scale=0.5, zero_point=3)
    values = np.array([0, 0.25, -0.25, 0.24999999, 0.74, 1000, -1000], np.float32)
    assert quantization.quantize(values).tolist() == [3, 4, 2, 3, 4, 127, -128]


def test_quantize_and_dequantize_are_inverse_on_integers() -> None:
    integers = np.arange(-128, 128).astype(np.int8)
    for quantization in read_quantization(full_model()):
        assert np.array_equal(quantization.quantize(quantization.dequantize(integers)), integers)


def test_read_quantization_is_what_the_runtime_reports() -> None:
    from tflite_micro import runtime

    model = full_model()
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    details = interpreter.get_input_details(0), interpreter.get_output_details(0)
    for quantization, detail in zip(read_quantization(model), details, strict=True):
        parameters = detail["quantization_parameters"]
        assert detail["dtype"] is np.int8
        assert (quantization.scale, quantization.zero_point) == (parameters["scales"][0], parameters["zero_points"][0])


def test_a_file_with_an_operator_that_tflm_lacks_is_refused_by_name() -> None:
    tensorflow = load_tensorflow()
    function = tensorflow.function(
        lambda image: tensorflow.math.sign(tensorflow.abs(image)),
        input_signature=[tensorflow.TensorSpec((1, 4), tensorflow.float32)],
    )
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    operators = list_operators(bytes(converter.convert()))
    assert operators == ("ABS", "SIGN")
    with pytest.raises(CheckError, match="must be one of the 100 built-in ones of TFLM; operator 1 is SIGN; build"):
        require_supported(operators)
    require_supported(list_operators(full_model()))
