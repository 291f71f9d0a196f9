"""Weights on disk: what is written is read back, anything else is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nas.errors import CheckError, SettingError
from nas.network.network import Network, build_network
from nas.space.architecture import Architecture, Stage, Task
from nas.training.weights import load_weights, save_weights

TASK = Task(16, 16, 1, 10)
STAGE = Stage("DWSepConv", 16, 3, 1, None, 0.25, True, "swish", 1)


def make_network(seed: int, stage: Stage = STAGE) -> Network:
    return build_network(Architecture((stage,)), TASK, seed=seed)


def test_weights_survive_the_disk_bit_for_bit(tmp_path: Path) -> None:
    saved, loaded = make_network(0), make_network(1)
    saved.train()(torch.randn(4, 1, 16, 16))  # moves the batch-norm statistics
    save_weights(saved, tmp_path / "weights.safetensors")
    load_weights(loaded, tmp_path / "weights.safetensors")
    for one, two in zip(saved.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


@pytest.mark.parametrize("damage", ["torn", "text", "missing", "other network"])
def test_wrong_weights_are_refused_in_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    stage = replace(STAGE, out_channels=24) if damage == "other network" else STAGE
    save_weights(make_network(0, stage), path)
    match damage:
        case "torn":
            path.write_bytes(path.read_bytes()[:-4])
        case "text":
            path.write_text("no weights")
        case "missing":
            path.unlink()
    with pytest.raises(CheckError, match=r"weights\.safetensors: must hold") as caught:
        load_weights(make_network(1), path)
    assert "\n" not in str(caught.value)


def test_unwritable_place_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(SettingError, match=r"must be writable; .*choose another folder"):
        save_weights(make_network(0), tmp_path / "taken" / "weights.safetensors")
