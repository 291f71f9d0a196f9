"""The float network as ONNX, for runtimes other than TFLM."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.space.architecture import Task

if TYPE_CHECKING:
    from nas.network.network import Network

OPSET = 18  # what torch's exporter writes by default; a higher one goes through a version converter


def export_onnx(network: Network, task: Task) -> bytes:
    """The ONNX file of `network` in eval mode: `images` (batch, C, H, W) float32 to `logits` (batch, classes).

    The batch size is free, weights are inside the file, equal networks give equal bytes. The network's mode is kept.
    """
    import torch

    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    images = torch.zeros(2, task.channels, task.height, task.width, device=device)  # a batch of 1 would become fixed
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                network,
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            model = program.model_proto
    finally:
        network.train(was_training)
    return _strip(model)


def _strip(model: Any) -> bytes:
    """The model without the exporter's notes: they name source files of the machine it ran on."""
    del model.metadata_props[:]
    graph = model.graph
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return bytes(model.SerializeToString(deterministic=True))


def run_onnx(model: bytes, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits (N, classes) of prepared images (N, C, H, W) in onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: what it finds out about the machine does not concern the user
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images})
    return np.asarray(logits, np.float32)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter without its progress lines, remarks and third-party warnings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
