"""Full-integer int8 TFLite from a torch network, and what such a file contains."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import CheckError, SettingError
from nas.export.keras_network import build_keras_network
from nas.export.native_stderr import native_stderr_captured
from nas.export.tensorflow_runtime import load_tensorflow
from nas.space.architecture import Architecture, Task

if TYPE_CHECKING:
    from nas.network.network import Network


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (integer - zero_point), integer an int8."""

    scale: float
    zero_point: int

    def quantize(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        """The int8 of each value, rounded half away from zero as TFLite's own QUANTIZE does, saturating."""
        # the quotient in float32 and its rounding exact, both as TFLite's: else a few values would round the other way
        quotient = (np.asarray(values, np.float32) / np.float32(self.scale)).astype(np.float64)
        rounded = np.trunc(quotient + np.copysign(0.5, quotient)) + self.zero_point
        return np.asarray(np.clip(rounded, -128, 127), np.int8)

    def dequantize(self, integers: NDArray[np.int8]) -> NDArray[np.float32]:
        """The real value of each int8."""
        real = np.float32(self.scale) * (integers.astype(np.int32) - self.zero_point)
        return np.asarray(real, np.float32)


def convert_int8(
    network: Network, architecture: Architecture, task: Task, calibration_images: NDArray[np.float32]
) -> bytes:
    """The int8 TFLite file of `network` (int8 in and out, per-channel weights), equal bytes for equal arguments.

    `calibration_images` are float32 (N, H, W, C), scaled as in training; they set the activation ranges.
    Raises SettingError for images of another shape, CheckError when the converter leaves a float operator.
    """
    expected = (task.height, task.width, task.channels)
    if calibration_images.ndim != 4 or calibration_images.shape[1:] != expected or not len(calibration_images):
        wanted = f"(N, {task.height}, {task.width}, {task.channels})"
        raise SettingError(f"calibration images must be {wanted}; got {calibration_images.shape}")
    tensorflow = load_tensorflow()
    model = build_keras_network(network, architecture, task)
    signature = tensorflow.TensorSpec((1, *expected), tensorflow.float32, name="image")
    function = tensorflow.function(lambda image: model(image, training=False), input_signature=[signature])
    with _quiet() as captured:
        # without the model as second argument variables are frozen in memory: 20 times faster than through a SavedModel
        converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration_images)
        converter.inference_input_type = tensorflow.int8
        converter.inference_output_type = tensorflow.int8
        try:
            return bytes(converter.convert())
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else captured()[-200:]
            raise CheckError(f"the TFLite converter must accept the network; it said: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """The converter without its remarks on log, descriptor 2 and `warnings`."""
    absl_logger = logging.getLogger("absl")
    level = absl_logger.level
    absl_logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), native_stderr_captured() as captured:
            warnings.filterwarnings("ignore", message="Statistics for quantized inputs were expected")
            yield captured
    finally:
        absl_logger.setLevel(level)


def _schema() -> Any:
    """TFLite's flatbuffer classes; the copy in tflite_micro is the schema of the runtime that will read the file."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated

    return schema_py_generated


def list_operators(model: bytes) -> tuple[str, ...]:
    """The operators of a TFLite file in execution order, by their names in the schema (`CONV_2D`)."""
    schema = _schema()
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    root = schema.Model.GetRootAs(model)
    graph = root.Subgraphs(0)
    codes = [root.OperatorCodes(graph.Operators(index).OpcodeIndex()) for index in range(graph.OperatorsLength())]
    return tuple(names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())] for code in codes)


def read_quantization(model: bytes) -> tuple[Quantization, Quantization]:
    """Scale and zero point of the file's input and of its output."""
    graph = _schema().Model.GetRootAs(model).Subgraphs(0)
    return _quantization(graph.Tensors(graph.Inputs(0))), _quantization(graph.Tensors(graph.Outputs(0)))


def _quantization(tensor: Any) -> Quantization:
    parameters = tensor.Quantization()
    return Quantization(float(parameters.Scale(0)), int(parameters.ZeroPoint(0)))
