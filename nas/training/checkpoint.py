"""An interrupted phase on disk: weights, optimizer state and curve after each epoch, in one file, whole or ignored."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nas.training.results import EpochResult
from nas.training.weights import write_tensors

CURRENT, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """A phase's folder. `identity` digests everything that determines the curve: any other checkpoint is ignored."""

    folder: Path
    identity: str

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, curve: tuple[EpochResult, ...]) -> None:
        """Write the state after `curve`'s last epoch; the previous one is kept beside it."""
        tensors = _collect_tensors(network, optimizer)
        state = {"identity": self.identity, "curve": [asdict(epoch) for epoch in curve], "sha256": digest(tensors)}
        write_tensors(tensors, self.folder / CURRENT, {"state": json.dumps(state)}, keep=self.folder / PREVIOUS)

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[EpochResult, ...]:
        """The curve so far, network and optimizer restored to its end; empty (nothing touched) without a checkpoint.

        A torn file is skipped in favour of the previous epoch's.
        """
        for name in (CURRENT, PREVIOUS):
            found = self._read(self.folder / name)
            if found is not None:
                tensors, curve = found
                _spread_tensors(tensors, network, optimizer)
                return curve
        return ()

    def _read(self, path: Path) -> tuple[dict[str, Tensor], tuple[EpochResult, ...]] | None:
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
            if state["identity"] != self.identity or state["sha256"] != digest(tensors):
                return None
            return tensors, tuple(EpochResult(**epoch) for epoch in state["curve"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None  # torn or foreign: the epoch is trained again


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names, shapes and bytes."""
    result = hashlib.sha256()
    for name in sorted(tensors):
        plain = tensors[name].detach().cpu().contiguous()
        result.update(f"{name}{tuple(plain.shape)}{plain.dtype}".encode())
        result.update(plain.numpy().tobytes())
    return result.hexdigest()


def _collect_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """`network.NAME` for every weight and statistic, `optimizer.NAME.KEY` for what the optimizer keeps for it."""
    tensors = {f"network.{name}": tensor.detach() for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    return tensors


def _spread_tensors(tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    weights = {name.removeprefix("network."): tensor for name, tensor in tensors.items() if name.startswith("network.")}
    network.load_state_dict(weights)
    parameters = dict(network.named_parameters())
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            owner, key = name.removeprefix("optimizer.").rsplit(".", 1)
            parameter = parameters[owner]
            # AdamW counts its steps in a scalar; everything else is laid out like the parameter
            like = torch.empty_like(parameter) if tensor.dim() else torch.empty_like(tensor, device=parameter.device)
            optimizer.state[parameter][key] = like.copy_(tensor)
