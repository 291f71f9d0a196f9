"""Test vectors of a delivery: real test images, the input preprocessing makes of them, and what TFLM answers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nas.datasets.images import Images, Split
from nas.errors import CheckError
from nas.export.frames import PixelAffine, quantize_frames
from nas.export.tflm import predict
from nas.space.architecture import Task

NUM_VECTORS = 8
MAX_FRAME_BYTES = 65_536  # all frames together: they share the flash with the model
_CLEAR_LEAD = 2  # the best logit leads by this much: kernels that round differently give the same class


@dataclass(frozen=True, slots=True)
class TestVectors:
    """Frames (N, h, w, channels) uint8 as stored, CRC-32 of each int8 input, outputs (N, classes) int8.

    `images` are positions in the test split, `labels` the true classes.
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    images: NDArray[np.int64]
    frames: Images
    input_crc32: NDArray[np.uint32]
    outputs: NDArray[np.int8]
    labels: NDArray[np.int64]

    def to_bytes(self) -> bytes:
        """The vectors as a safetensors file."""
        return bytes(save({field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}))

    @classmethod
    def from_bytes(cls, content: bytes) -> TestVectors:
        """The vectors of such a file; raises CheckError for anything else."""
        rule = "test vectors must be a whole safetensors file of one length"
        try:
            vectors = cls(**load(content))
        except (SafetensorError, TypeError, ValueError) as error:
            raise CheckError(f"{rule}; {error}; export again") from error
        shapes = {field.name: getattr(vectors, field.name).shape for field in fields(vectors)}
        if len({shape[0] for shape in shapes.values() if shape}) != 1 or len(shapes["frames"]) != 4:
            raise CheckError(f"{rule}; got {shapes}; export again")
        return vectors


def choose_vectors(
    model: bytes, test: Split, logits: NDArray[np.int8], task: Task, affine: PixelAffine, *, arena_bytes: int
) -> TestVectors:
    """Up to 8 vectors, with as many different answers as possible, whose logits are clear and do not saturate int8.

    `logits` (N, classes) are TFLM's for the whole split; they only serve to choose the images. Raises CheckError when
    no image of the split qualifies: every output saturates.
    """
    frame_bytes = test.images[0].size
    count = max(1, min(NUM_VECTORS, MAX_FRAME_BYTES // frame_bytes))
    candidates = _order_by_novelty(logits.argmax(axis=1), np.flatnonzero(_is_clear(logits)))[: 2 * count]
    frames = test.images[candidates]
    inputs = quantize_frames(frames, task, affine)
    outputs = predict(model, inputs, arena_bytes=arena_bytes) if len(candidates) else logits[:0]
    kept = np.flatnonzero(_is_clear(outputs))[:count]  # the firmware's input may differ by 1 from training's
    if not len(kept):
        rule = "a test vector must have a clear answer and no logit at the end of int8"
        raise CheckError(f"{rule}; none of {len(test)} test images has; train longer")
    chosen = candidates[kept]
    checksums = np.array([zlib.crc32(image.tobytes()) for image in inputs[kept]], np.uint32)
    return TestVectors(chosen, frames[kept], checksums, outputs[kept], test.labels[chosen])


def check_vectors(model: bytes, vectors: TestVectors, task: Task, affine: PixelAffine, *, arena_bytes: int) -> None:
    """Raise CheckError naming the first vector whose input checksum or logits the model does not reproduce."""
    inputs = quantize_frames(vectors.frames, task, affine)
    outputs = predict(model, inputs, arena_bytes=arena_bytes)
    for index, image in enumerate(inputs):
        checksum, wanted = zlib.crc32(image.tobytes()), int(vectors.input_crc32[index])
        if checksum != wanted:
            raise CheckError(f"vector {index}: the input must have CRC-32 {wanted:08x}; it has {checksum:08x}")
        different = np.flatnonzero(outputs[index] != vectors.outputs[index])
        if len(different):
            at = int(different[0])
            figures = f"must be {vectors.outputs[index][at]}; TFLM gives {outputs[index][at]}"
            raise CheckError(f"vector {index}: logit {at} {figures}; the model or the vector was altered; export again")


def _is_clear(logits: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which rows (N, classes) saturate nowhere and have one best class."""
    ordered = np.sort(logits.astype(np.int64), axis=1)
    return np.asarray(
        (ordered[:, 0] > -128) & (ordered[:, -1] < 127) & (ordered[:, -1] - ordered[:, -2] >= _CLEAR_LEAD)
    )


def _order_by_novelty(answers: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
    """`images` reordered: the first of every answer, then the second of every answer, and so on."""
    seen: dict[int, int] = {}
    rounds = []
    for image in images.tolist():
        answer = int(answers[image])
        rounds.append(seen.get(answer, 0))
        seen[answer] = rounds[-1] + 1
    return images[np.argsort(np.array(rounds, np.int64), kind="stable")]
