"""Weights on disk: safetensors, written whole or not at all."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from nas.documents.atomic_files import replacing
from nas.errors import CheckError, SettingError


def save_weights(network: nn.Module, path: Path) -> None:
    """Write parameters and batch-norm statistics to `path` (safetensors); raises as `write_tensors` does."""
    write_tensors({name: tensor.detach() for name, tensor in network.state_dict().items()}, path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill `network` from `path`. Raises CheckError for a missing or damaged file, or one of another network."""
    try:
        tensors = load_file(path)
        network.load_state_dict(tensors)
    except (OSError, SafetensorError) as error:
        raise CheckError(f"{path}: must hold whole safetensors weights; {error}; train again") from error
    except RuntimeError as error:  # load_state_dict: names or shapes differ
        reason = " ".join(str(error).split())[:200]
        raise CheckError(f"{path}: must hold the weights of this very network; {reason}; train again") from error


def write_tensors(
    tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None, *, keep: Path | None = None
) -> None:
    """Write tensors to a safetensors file that appears under its name only when complete; its folder is created.

    A file that was there before moves to `keep`, if given. Raises SettingError where it cannot be written.
    """
    # safetensors stores plain row-major tensors; channels_last weights are copied into that order
    plain = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, keep=keep) as temporary:
            save_file(plain, temporary, metadata)
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise SettingError(f"{path}: must be writable; {reason}; free space there or choose another folder") from error
