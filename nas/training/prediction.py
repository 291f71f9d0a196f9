"""What a trained network predicts for images, without changing it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nas.datasets.images import Dataset, Images, Split
from nas.datasets.preprocess import prepare_images
from nas.space.architecture import Task
from nas.training.out_of_memory import is_out_of_memory

BATCH_SIZE = 256  # at most: halved where that many do not fit in memory


def predict_logits(network: nn.Module, images: Images, dataset: Dataset, task: Task) -> Float[Tensor, "num classes"]:
    """Logits (N, num_classes) on the CPU for uint8 images (N, H, W, C), normalized by the data set's mean and std.

    Runs in evaluation mode on the network's own device and restores its mode.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    answers: list[Tensor] = []
    start, size = 0, BATCH_SIZE
    try:
        while start < len(images):
            part = images[start : start + size]
            try:
                answers.append(_answer(network, part, dataset, task, device))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(part) == 1:
                    raise
                size = len(part) // 2
            else:
                start += len(part)
    finally:
        network.train(was_training)
    return torch.cat(answers).clone()


def _answer(network: nn.Module, images: Images, dataset: Dataset, task: Task, device: torch.device) -> Tensor:
    with torch.inference_mode():
        inputs = prepare_images(images, task.height, task.width, dataset.mean, dataset.std, device)
        logits: Tensor = network(inputs).cpu()
    return logits


def evaluate_accuracy(network: nn.Module, split: Split, dataset: Dataset, task: Task) -> float:
    """Top-1 accuracy (fraction) on a split of `dataset`."""
    guesses = predict_logits(network, split.images, dataset, task).argmax(dim=1)
    return float((guesses == torch.from_numpy(split.labels)).double().mean())
