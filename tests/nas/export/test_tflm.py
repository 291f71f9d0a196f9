from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from export_examples import Example, full_example, full_model, make_example, random_example
from numpy.typing import NDArray

from nas.errors import CheckError
from nas.export import tflm
from nas.export.tensorflow_runtime import load_tensorflow
from nas.export.tflite import read_quantization
from nas.export.tflm import measure_arena, predict
from nas.space.architecture import Architecture, Stage, Task


@pytest.fixture(scope="module")
def model() -> bytes:
    return full_model()


@pytest.fixture(scope="module")
def integers(model: bytes) -> NDArray[np.int8]:
    return read_quantization(model)[0].quantize(full_example().images)


def predict_by_reference_kernels(model: bytes, images: NDArray[np.int8]) -> NDArray[np.int8]:
    """TFLite's own interpreter with its reference kernels."""
    lite = load_tensorflow().lite
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        resolver = lite.experimental.OpResolverType.BUILTIN_REF
        interpreter = lite.Interpreter(model_content=model, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    answers = []
    for image in images:
        interpreter.set_tensor(source, image[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(target))
    return np.concatenate(answers)


def check_same_answers(example: Example) -> None:
    model = example.convert()
    images = read_quantization(model)[0].quantize(example.images)
    actual = predict(model, images, arena_bytes=measure_arena(model).total_bytes)
    expected = predict_by_reference_kernels(model, images)
    assert len(np.unique(expected)) > 5  # otherwise anything would agree
    assert np.abs(actual.astype(int) - expected).max() <= 1
    assert np.array_equal(actual.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("seed", range(3))
def test_tflm_answers_as_tflite_reference_kernels(seed: int) -> None:
    check_same_answers(random_example(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_tflm_answers_as_tflite_reference_kernels_on_many(seed: int) -> None:
    check_same_answers(random_example(seed))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 21), (32, 32)])
@pytest.mark.parametrize(("stride", "kernel_size", "skip"), [(1, 3, True), (2, 5, False), (1, 7, False)])
@pytest.mark.parametrize("se_ratio", [0, 0.25, 0.5])
@pytest.mark.parametrize("activation", ["relu6", "leaky_relu", "swish"])
@pytest.mark.parametrize("block", ["DWSepConv", "MBConv"])
def test_every_choice_of_the_space_converts_faithfully(
    block: Any, activation: Any, se_ratio: Any, stride: Any, kernel_size: Any, skip: bool, size: tuple[int, int]
) -> None:
    expansion = 3 if block == "MBConv" else None
    stage = Stage(block, 16, kernel_size, stride, expansion, se_ratio, skip, activation, 2)
    example = make_example(Architecture((stage,)), Task(*size, channels=3, num_classes=10), seed=kernel_size)
    check_same_answers(example)
    check_follows_float(example)


def check_follows_float(example: Example) -> None:
    """int8 logits stay close to the float network's."""
    import torch

    model = example.convert()
    with torch.inference_mode():
        expected = example.network(example.torch_images).numpy()
    inputs, outputs = read_quantization(model)
    actual = outputs.dequantize(predict(model, inputs.quantize(example.images), arena_bytes=1 << 20))
    assert np.abs(actual - expected).mean() < 0.05 * np.abs(expected).max()


def test_int8_logits_follow_the_float_network() -> None:
    check_follows_float(full_example())


def check_smallest(model: bytes, image: NDArray[np.int8]) -> None:
    arena = measure_arena(model)
    predict(model, image, arena_bytes=arena.total_bytes)
    too_small = arena.total_bytes - 16
    with pytest.raises(CheckError, match=f"must run in a TFLM arena of {too_small:,} bytes; TFLM said: "):
        predict(model, image, arena_bytes=too_small)


def test_the_measured_arena_is_the_smallest_that_works(model: bytes, integers: NDArray[np.int8]) -> None:
    check_smallest(model, integers[:1])
    arena = measure_arena(model)
    assert arena.engine == "tflm"
    assert arena.total_bytes == arena.head_bytes + arena.tail_bytes + arena.planning_bytes


def test_the_planner_needs_more_than_the_head_where_activations_are_tiny(capfd: pytest.CaptureFixture[str]) -> None:
    example = random_example(2)
    model = example.convert()
    check_smallest(model, read_quantization(model)[0].quantize(example.images[:1]))
    assert measure_arena(model).planning_bytes > 0
    assert capfd.readouterr().err == ""


def test_a_crash_of_the_runtime_is_an_arena_too_small() -> None:
    stages = (
        Stage("DWSepConv", 32, 3, 2, None, 0.5, True, "relu6", 6),
        Stage("DWSepConv", 16, 3, 1, None, 0.5, True, "leaky_relu", 4),
        Stage("DWSepConv", 16, 5, 2, None, 0, True, "swish", 6),
    )
    model = make_example(Architecture(stages), Task(32, 32, 1, 10), seed=0, num_images=1).convert()
    arena = measure_arena(model)
    # about 500 bytes above what the runtime records, its planner has next to no room and the process dies
    sizes = range(arena.head_bytes + arena.tail_bytes + 480, arena.head_bytes + arena.tail_bytes + 576, 16)
    with tflm._Trials(model) as trials:
        assert not any(trials.works(size) for size in sizes)
        assert trials.works(arena.total_bytes)


def test_worker_processes_give_the_same_answers(
    model: bytes, integers: NDArray[np.int8], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.concatenate([integers] * 3)
    alone = predict(model, images, arena_bytes=1 << 20, workers=1)
    monkeypatch.setattr(tflm, "PROBE_SECONDS", 0.0)
    monkeypatch.setattr(tflm, "PARALLEL_SECONDS", 0.0)
    monkeypatch.setattr(tflm, "CHUNK_SECONDS", 0.0)
    seen: list[tuple[int, int]] = []
    together = predict(
        model, images, arena_bytes=1 << 20, workers=2, on_progress=lambda done, total: seen.append((done, total))
    )
    assert np.array_equal(alone, together)
    assert seen[-1] == (48, 48)
    assert seen == sorted(seen)
