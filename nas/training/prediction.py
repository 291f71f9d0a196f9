"""What a trained network says about images, without changing it."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from nas.architecture import Task
from nas.datasets.images import Dataset, Images, Split
from nas.datasets.preprocess import prepare_images

BATCH_SIZE = 256


def predict_logits(network: nn.Module, images: Images, dataset: Dataset, task: Task) -> Float[Tensor, "num classes"]:
    """Logits (N, num_classes) on the CPU of uint8 images (N, H, W, C), normalized by the data set's figures.

    Runs in evaluation mode on the network's own device and leaves its mode as it was.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    answers: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH_SIZE):
            part = images[start : start + BATCH_SIZE]
            inputs = prepare_images(part, task.height, task.width, dataset.mean, dataset.std, device)
            answers.append(network(inputs).cpu())
    network.train(was_training)
    return torch.cat(answers).clone()


def evaluate_accuracy(network: nn.Module, split: Split, dataset: Dataset, task: Task) -> float:
    """Top-1 accuracy (fraction) on a split of `dataset`."""
    guesses = predict_logits(network, split.images, dataset, task).argmax(dim=1)
    return float((guesses == torch.from_numpy(split.labels)).double().mean())
