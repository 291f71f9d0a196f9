"""The training loop: it learns, resumes bit for bit, and sees only the training split."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

import nas.training.batches as batches_module
import nas.training.epochs as epochs_module
import nas.training.prediction as prediction_module
from nas.datasets import Dataset, Split, load_dataset
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training import DistillRecipe, EpochResult, Recipe, TrainingResult
from nas.training.batches import JITTERS, TrainingImages, jitter_images, mix_images
from nas.training.checkpoint import CURRENT, PREVIOUS
from nas.training.epochs import Batch, mixed_precision, weigh_classes
from nas.training.loop import train
from nas.training.out_of_memory import may_stay
from nas.training.prediction import evaluate_accuracy, predict_logits

TASK = Task(16, 16, 1, 10)
STAGE = Stage("DWSepConv", 16, 3, 1, None, 0, True, "relu6", 1)
ARCHITECTURE = Architecture(
    (STAGE, replace(STAGE, block="MBConv", expansion=3, stride=2, out_channels=24, num_blocks=2))
)
PLAIN = Recipe(epochs=3, learning_rate=0.1, schedule="warmup-cosine", warmup_epochs=1, batch_size=32)


NO_NUMBER = "the loss was no longer a number"


class StoppedError(Exception):
    """Stands for anything that ends a process between two epochs."""


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=128)


def make_network(seed: int = 0) -> Network:
    return build_network(ARCHITECTURE, TASK, seed=seed)


def ignore_epoch(result: EpochResult) -> None:
    """Ignores the event."""


def run(
    network: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    folder: Path | None = None,
    teacher: Tensor | None = None,
    device: str = "cpu",
) -> TrainingResult:
    return train(
        network,
        dataset,
        TASK,
        recipe,
        phase="mini",
        seed=0,
        folder=folder,
        on_epoch=ignore_epoch,
        teacher_logits=teacher,
        device=device,
    )


def run_until(epoch: int, network: nn.Module, dataset: Dataset, recipe: Recipe, folder: Path) -> None:
    """Train and be interrupted right after `epoch`."""

    def stop(result: EpochResult) -> None:
        if result.epoch == epoch:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(network, dataset, TASK, recipe, phase="mini", seed=0, folder=folder, on_epoch=stop)


def assert_same_weights(one: nn.Module, two: nn.Module) -> None:
    for (name, first), second in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(first, second), name


def test_network_learns_100_images_by_heart(digits: Dataset) -> None:
    few = digits.train.take(np.arange(100))
    network = make_network()
    recipe = Recipe(epochs=25, learning_rate=0.1, schedule="cosine", batch_size=20)
    run(network, replace(digits, train=few), recipe)
    assert evaluate_accuracy(network, few, digits, TASK) > 0.95


RECIPES = {
    "plain": PLAIN,
    "augmented": PLAIN.model_copy(update={"augmentation": "affine"}),
    "mixed": PLAIN.model_copy(update={"augmentation": "autoaugment", "mixup_alpha": 0.2}),
    "adamw": PLAIN.model_copy(update={"optimizer": "adamw", "learning_rate": 1e-3}),
}


@pytest.mark.parametrize("name", RECIPES)
def test_resumed_run_ends_with_the_bits_of_the_uninterrupted_one(name: str, digits: Dataset, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    whole, broken, resumed = make_network(), make_network(), make_network()
    expected = run(whole, digits, recipe)
    run_until(2, broken, digits, recipe, tmp_path)
    torch.rand(7)  # the global generator has moved on meanwhile
    result = run(resumed, digits, recipe, tmp_path)
    assert_same_weights(resumed, whole)
    assert [epoch.loss for epoch in result.curve] == [epoch.loss for epoch in expected.curve]
    assert result.validation_accuracy == expected.validation_accuracy


def test_finished_phase_is_read_back_without_training(digits: Dataset, tmp_path: Path) -> None:
    network, again = make_network(), make_network()
    result = run(network, digits, PLAIN, tmp_path)
    heard: list[EpochResult] = []
    repeated = train(again, digits, TASK, PLAIN, phase="mini", seed=0, folder=tmp_path, on_epoch=heard.append)
    assert repeated == result
    assert heard == []
    assert_same_weights(again, network)


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "gone"])
def test_torn_checkpoint_is_passed_over_for_the_one_before(damage: str, digits: Dataset, tmp_path: Path) -> None:
    whole, resumed = make_network(), make_network()
    run(whole, digits, PLAIN)
    run_until(2, make_network(), digits, PLAIN, tmp_path)
    content = bytearray((tmp_path / CURRENT).read_bytes())
    match damage:
        case "torn":
            (tmp_path / CURRENT).write_bytes(content[:-100])
        case "flipped":
            content[-100] ^= 1
            (tmp_path / CURRENT).write_bytes(content)
        case "empty":
            (tmp_path / CURRENT).write_bytes(b"")
        case "gone":
            (tmp_path / CURRENT).unlink()
    heard: list[EpochResult] = []
    train(resumed, digits, TASK, PLAIN, phase="mini", seed=0, folder=tmp_path, on_epoch=heard.append)
    assert [result.epoch for result in heard] == [2, 3]
    assert_same_weights(resumed, whole)


def test_checkpoint_of_another_recipe_or_network_is_ignored(digits: Dataset, tmp_path: Path) -> None:
    run_until(2, make_network(), digits, PLAIN, tmp_path)
    heard: list[EpochResult] = []
    other = PLAIN.model_copy(update={"learning_rate": 0.05})
    train(make_network(), digits, TASK, other, phase="mini", seed=0, folder=tmp_path, on_epoch=heard.append)
    assert [result.epoch for result in heard] == [1, 2, 3]
    heard.clear()
    train(make_network(seed=1), digits, TASK, other, phase="mini", seed=0, folder=tmp_path, on_epoch=heard.append)
    assert [result.epoch for result in heard] == [1, 2, 3]


def test_checkpoints_leave_nothing_half_written(digits: Dataset, tmp_path: Path) -> None:
    run(make_network(), digits, PLAIN, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CURRENT, PREVIOUS])


def test_training_leaves_the_global_generator_as_it_was(digits: Dataset) -> None:
    state = torch.get_rng_state()
    run(make_network(), digits, RECIPES["augmented"].model_copy(update={"epochs": 2}))
    assert torch.equal(torch.get_rng_state(), state)


def test_explosion_ends_the_phase_as_diverged(digits: Dataset) -> None:
    network = make_network()
    with torch.no_grad():
        network.classifier.weight.fill_(float("inf"))
    for device in ("cpu", "cpu:0"):  # on the second the loss is checked as seldom as on a GPU
        result = run(network, digits, PLAIN, device=device)
        assert result == TrainingResult(curve=(), validation_accuracy=0.0, seconds=0, failure=NO_NUMBER)


def test_loss_that_is_checked_seldom_is_the_same(digits: Dataset) -> None:
    often, seldom = (run(make_network(), digits, PLAIN, device=device) for device in ("cpu", "cpu:0"))
    assert [epoch.loss for epoch in seldom.curve] == [epoch.loss for epoch in often.curve]


def test_emulated_bfloat16_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda _: True)  # any GPU can be made to
    for major, kind in ((7, nullcontext), (8, torch.autocast)):
        found = SimpleNamespace(major=major)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, found=found: found)
        assert isinstance(mixed_precision("cuda"), kind)


def test_outcome_is_that_of_the_last_epoch_not_of_the_best(digits: Dataset) -> None:
    network = make_network()
    result = run(network, digits, PLAIN)
    assert result.validation_accuracy == result.curve[-1].validation_accuracy
    assert result.validation_accuracy == evaluate_accuracy(network, digits.validation, digits, TASK)
    assert [epoch.epoch for epoch in result.curve] == [1, 2, 3]
    assert result.seconds == sum(epoch.seconds for epoch in result.curve)


class Recorder(nn.Module):
    """A network that notes the largest pixel of every batch, by mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 10)
        self.seen: dict[bool, set[float]] = {True: set(), False: set()}

    def forward(self, images: Tensor) -> Tensor:
        self.seen[self.training].update(images.detach().amax((1, 2, 3)).tolist())
        return self.linear(images.mean((1, 2, 3))[:, None])


def paint(value: int) -> Split:
    return Split(np.full((40, 8, 8, 1), value, np.uint8), np.arange(40, dtype=np.int64) % 10)


FEW = {"epochs": 2, "learning_rate": 0.1, "schedule": "cosine", "batch_size": 16}


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe.model_validate(FEW),
        Recipe.model_validate(FEW | {"augmentation": "shift"}),
        Recipe.model_validate(FEW | {"augmentation": "affine", "mixup_alpha": 0.2}),
        DistillRecipe.model_validate(FEW),
    ],
    ids=["mini", "shift", "mixed", "distill"],
)
def test_validation_and_test_images_never_reach_a_training_batch(recipe: Recipe) -> None:
    names = tuple("0123456789")
    dataset = Dataset("painted", paint(50), paint(100), paint(200), names, (0.0,), (1.0,), "fingerprint")
    network = Recorder()
    run(network, dataset, recipe, teacher=torch.zeros(40, 10) if isinstance(recipe, DistillRecipe) else None)
    assert max(network.seen[True]) <= 50 / 255 + 1e-6
    assert sorted(network.seen[False]) == pytest.approx([100 / 255])  # validation alone: the test split stays untouched


def test_every_training_image_is_seen_once_an_epoch_with_its_own_label(digits: Dataset) -> None:
    order = torch.randperm(len(digits.train))
    for augmentation in ("none", "autoaugment"):
        images = TrainingImages(digits, TASK, augmentation, "cpu")
        batches = list(images.batches(order, 24))
        assert torch.equal(torch.cat([indices for indices, _ in batches]), order)
        assert [len(images) for _, images in batches] == [24] * 5 + [8]


def test_teacher_and_distill_recipe_come_together_or_not_at_all(digits: Dataset) -> None:
    distill = DistillRecipe(epochs=1, learning_rate=0.1, schedule="cosine")
    with pytest.raises(ValueError, match="together"):
        run(make_network(), digits, distill)
    with pytest.raises(ValueError, match="together"):
        run(make_network(), digits, PLAIN, teacher=torch.zeros(128, 10))


def test_student_learns_what_only_the_teacher_knows(digits: Dataset) -> None:
    labels = torch.from_numpy(digits.train.labels)
    teacher = 20.0 * torch.nn.functional.one_hot(labels, 10) + 12.0 * torch.nn.functional.one_hot((labels + 1) % 10, 10)
    network = make_network()
    recipe = DistillRecipe(epochs=15, learning_rate=0.1, schedule="cosine", batch_size=16)
    run(network, digits, recipe, teacher=teacher)
    second_guesses = predict_logits(network, digits.train.images, digits, TASK).topk(2).indices[:, 1]
    assert (second_guesses == (labels + 1) % 10).float().mean() > 0.6  # chance: 0.11


def test_batches_equal_the_prepared_images_when_nothing_is_augmented(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    indices = torch.tensor([5, 0, 99])
    ((_, kept),) = TrainingImages(digits, TASK, "none", "cpu").batches(indices, 3)
    monkeypatch.setattr(batches_module, "CACHE_BYTES", 0)
    ((_, anew),) = TrainingImages(digits, TASK, "none", "cpu").batches(indices, 3)
    expected = batches_module.normalize_pixels(
        batches_module.resize_pixels(
            torch.from_numpy(digits.train.images[indices].transpose(0, 3, 1, 2)).float(), 16, 16
        ),
        digits.mean,
        digits.std,
    )
    assert torch.equal(kept, expected)
    assert torch.equal(anew, expected)


def test_jitter_moves_each_image_by_its_own_amount_within_its_reach() -> None:
    images = torch.zeros(64, 1, 32, 32)
    images[:, :, 16, 16] = 1
    moved = jitter_images(images, JITTERS["shift"])
    centres = [(image[0].sum(0) @ torch.arange(32.0) / image.sum()).item() for image in moved]
    assert 1 < max(centres) - min(centres) <= 4
    assert all(14 <= centre <= 18 for centre in centres)
    assert torch.equal(jitter_images(images, replace(JITTERS["shift"], shift=0.0)), images)


def test_prediction_leaves_the_network_in_its_mode(digits: Dataset) -> None:
    network = make_network().train()
    logits = predict_logits(network, digits.test.images, digits, TASK)
    assert logits.shape == (359, 10)
    assert network.training


class NarrowMemory(nn.Module):
    """A network whose memory holds a limited number of images at a time, failing as torch does on a GPU."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.network, self.most, self.error = make_network(), most, error
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.sizes.append(len(images))
            if len(images) > self.most:
                raise self.error
        return self.network(images)


MEMORY_ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    MemoryError(),
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


@pytest.mark.parametrize("error", MEMORY_ERRORS, ids=["gpu", "cpu", "python", "cudnn", "cublas"])
def test_batch_that_does_not_fit_is_halved_until_it_does_and_said_so(
    error: Exception, digits: Dataset, tmp_path: Path
) -> None:
    narrow = NarrowMemory(8, error)
    result = run(narrow, digits, PLAIN, tmp_path)
    assert narrow.sizes[:6] == [32, 16, 8, 8, 8, 8]
    assert not result.failure
    assert [epoch.parts for epoch in result.curve] == [4, 4, 4]
    again = NarrowMemory(8, error)
    again.load_state_dict(NarrowMemory(8, error).state_dict())
    run_until_folder = tmp_path / "broken"
    run_until(1, NarrowMemory(8, error), digits, PLAIN, run_until_folder)
    run(again, digits, PLAIN, run_until_folder)
    assert set(again.sizes) == {8}  # a resumed phase knows what fits its memory
    assert_same_weights(again, narrow)


class _Held:
    """Kept alive by a graph until the graph is freed."""


class _NoMemoryBackwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, held: _Held, fails: bool) -> Tensor:
        ctx.held, ctx.fails = held, fails
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        if ctx.fails:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return gradient, None, None


class NarrowBackwards(nn.Module):
    """A network whose first gradient does not fit; `alive` counts the earlier graphs at each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.network = make_network()
        self.graphs: list[weakref.ref[_Held]] = []
        self.alive: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return self.network(images)
        self.alive.append(sum(graph() is not None for graph in self.graphs))
        held = _Held()
        self.graphs.append(weakref.ref(held))
        logits: Tensor = _NoMemoryBackwards.apply(self.network(images), held, len(self.graphs) == 1)
        return logits


def test_graph_of_a_batch_that_did_not_fit_is_gone_before_the_next_try(digits: Dataset) -> None:
    narrow = NarrowBackwards()
    result = run(narrow, digits, PLAIN)
    assert [epoch.parts for epoch in result.curve] == [2, 2, 2]
    assert narrow.alive[1] == 0


def test_memory_that_holds_no_two_images_fails_the_phase_not_the_process(digits: Dataset) -> None:
    result = run(NarrowMemory(1, MEMORY_ERRORS[0]), digits, PLAIN)
    assert result.failure == "memory did not hold 2 images at a time"
    assert (result.curve, result.validation_accuracy) == ((), 0.0)


@pytest.mark.parametrize("place", ["images", "evaluation"])
def test_insufficient_memory_elsewhere_fails_the_phase_as_well(
    place: str, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise MEMORY_ERRORS[0]

    if place == "images":
        monkeypatch.setattr(epochs_module, "TrainingImages", fail)
    else:
        monkeypatch.setattr(prediction_module, "prepare_images", fail)
    said = {"images": "the network and its data", "evaluation": "2 images at a time"}[place]
    assert run(make_network(), digits, PLAIN).failure == f"memory did not hold {said}"


def test_evaluation_halves_its_batches_until_they_fit(digits: Dataset) -> None:
    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = make_network()

        def forward(self, images: Tensor) -> Tensor:
            if len(images) > 40:
                raise MEMORY_ERRORS[0]
            return self.network(images)

    narrow = Narrow().train()
    found = predict_logits(narrow, digits.test.images, digits, TASK)
    torch.testing.assert_close(found, predict_logits(narrow.network, digits.test.images, digits, TASK))
    assert narrow.training


@given(st.integers(2, 300), st.integers(1, 64))
def test_no_part_of_a_batch_is_a_single_image(num: int, parts: int) -> None:
    assume(num // parts >= 2)
    whole = Batch(torch.arange(num), torch.arange(num), torch.arange(num))
    split = list(whole.split(parts))
    assert len(split) == parts
    assert max(len(part.images) for part in split) - min(len(part.images) for part in split) <= 1
    for name in ("images", "labels", "teacher"):
        assert torch.equal(torch.cat([getattr(part, name) for part in split]), torch.arange(num))


def test_data_stay_on_a_gpu_that_has_room_for_much_more(monkeypatch: pytest.MonkeyPatch) -> None:
    gigabyte = 10**9
    for free, fits in ((80 * gigabyte, True), (8 * gigabyte, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 80 * gigabyte))
        assert may_stay(3 * gigabyte, torch.device("cuda")) is fits
    assert not may_stay(5 * gigabyte, torch.device("cuda"))
    assert not may_stay(1, torch.device("cpu"))


def test_other_errors_of_a_network_are_not_outcomes(digits: Dataset) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        run(NarrowMemory(1, RuntimeError("a bug")), digits, PLAIN)


def test_parts_of_a_batch_add_up_to_its_gradients(digits: Dataset) -> None:
    torch.manual_seed(0)
    teacher = torch.randn(128, 10)
    recipe = DistillRecipe(epochs=1, learning_rate=0.1, schedule="cosine", batch_size=128, class_weights=True)
    found = []
    for most in (128, 32):
        linear = NarrowMemory(most, MemoryError())
        linear.network = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))  # no batch norm, which sees parts
        with torch.no_grad():
            linear.network[1].weight.fill_(0.01)
            linear.network[1].bias.zero_()
        run(linear, digits, recipe, teacher=teacher)
        found.append(linear.network[1].weight.detach().clone())
    assert torch.allclose(found[0], found[1], atol=1e-5)


def test_phase_that_outlasts_its_limit_fails_with_the_limit(digits: Dataset, tmp_path: Path) -> None:
    recipe = PLAIN.model_copy(update={"epochs": 1000, "max_seconds": 0.5})
    result = run(make_network(), digits, recipe, tmp_path)
    assert result.failure.startswith("it took longer than max_seconds (0.5) in epoch ")
    assert result.curve
    again = run(make_network(), digits, recipe.model_copy(update={"max_seconds": 0.01}), tmp_path)
    assert again.curve == result.curve  # the time of earlier sessions counts


def test_class_weights_make_rare_classes_count_as_much_as_common_ones() -> None:
    labels = torch.tensor([0] * 90 + [2] * 10)
    weights = weigh_classes(labels, 3)
    assert weights.tolist() == pytest.approx([100 / 180, 50, 5])
    assert weights[labels].mean().item() == pytest.approx(1)


def test_every_image_is_mixed_with_another_by_a_share_of_its_own() -> None:
    torch.manual_seed(0)
    images = torch.arange(64.0)[:, None, None, None].expand(64, 1, 2, 2) + 0.0
    labels = torch.arange(64)
    mixed, soft = mix_images(images, labels, 1.0, 64)
    assert soft.sum(1).tolist() == pytest.approx([1.0] * 64)
    assert torch.allclose(mixed[:, 0, 0, 0], soft @ torch.arange(64.0), atol=1e-4)  # images mix as their labels do
    shares = soft.diagonal()
    assert len(shares.unique()) > 32
    assert shares.min() < 0.2
    assert shares.max() > 0.8


def test_a_stopped_phase_is_the_beginning_of_the_whole_one(digits: Dataset, tmp_path: Path) -> None:
    whole = run(make_network(), digits, PLAIN)
    for folder in (None, tmp_path):
        network = make_network()
        halted = train(
            network,
            digits,
            TASK,
            PLAIN,
            phase="mini",
            seed=0,
            folder=folder,
            on_epoch=ignore_epoch,
            stop=stop_after_two,
        )
        assert [one.loss for one in halted.curve] == [one.loss for one in whole.curve[:2]]
        assert [one.learning_rate for one in halted.curve] == [one.learning_rate for one in whole.curve[:2]]
        assert halted.validation_accuracy == whole.curve[1].validation_accuracy
        assert halted.stopped == "far behind"
        assert halted.failure == ""


def test_a_phase_interrupted_at_its_last_epoch_stops_there_when_resumed(digits: Dataset, tmp_path: Path) -> None:
    run_until(2, make_network(), digits, PLAIN, tmp_path)  # the checkpoint is written, the decision is not yet made
    trained: list[EpochResult] = []
    resumed = train(
        make_network(),
        digits,
        TASK,
        PLAIN,
        phase="mini",
        seed=0,
        folder=tmp_path,
        on_epoch=trained.append,
        stop=stop_after_two,
    )
    assert resumed.stopped == "far behind"
    assert trained == []
    assert len(resumed.curve) == 2


def stop_after_two(last: EpochResult) -> str:
    return "far behind" if last.epoch == 2 else ""
