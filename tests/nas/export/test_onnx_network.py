from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from export_examples import Example, full_example

from nas.export.onnx_network import export_onnx, run_onnx


@pytest.fixture(scope="module")
def example() -> Example:
    return full_example()


@pytest.fixture(scope="module")
def onnx_model(example: Example) -> bytes:
    """The file, exported in the middle of training."""
    example.network.train()
    exported = export_onnx(example.network, example.task)
    assert example.network.training, "the mode must be kept"
    example.network.eval()
    return exported


@pytest.mark.parametrize("num_images", [1, 5])
def test_onnxruntime_computes_what_torch_computes_for_any_batch(
    num_images: int, example: Example, onnx_model: bytes
) -> None:
    images = example.torch_images[:num_images]
    with torch.inference_mode():
        expected = example.network(images).numpy()
    np.testing.assert_allclose(run_onnx(onnx_model, images.numpy()), expected, rtol=0, atol=1e-5)


def test_the_file_is_valid_and_complete_and_reveals_nothing_about_this_machine(onnx_model: bytes) -> None:
    parsed = onnx.load_from_string(onnx_model)
    onnx.checker.check_model(parsed, full_check=True)
    assert not [tensor for tensor in parsed.graph.initializer if tensor.external_data]
    assert [(value.name) for value in (*parsed.graph.input, *parsed.graph.output)] == ["images", "logits"]
    assert b".py" not in onnx_model
    assert str(Path(__file__).parents[3]).encode() not in onnx_model


def test_the_graph_is_plain_convolutions_and_means(onnx_model: bytes) -> None:
    kinds = {node.op_type for node in onnx.load_from_string(onnx_model).graph.node}
    assert kinds >= {"Conv", "ReduceMean"}
    assert not kinds & {"Transpose", "MatMul"}  # what makes training fast is not part of the delivery
