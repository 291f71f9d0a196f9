"""Running out of memory: how torch reports it, and what to do on a GPU before and after."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# torch reports all of these as plain RuntimeErrors: its CPU allocator; CUDA while it loads a kernel; cuBLAS and cuDNN
# when their workspace does not fit, and cuDNN when no engine's did
SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "STATUS_ALLOC_FAILED",
    "unable to find an engine",
)
RESIDENT_BYTES = 4 * 1024**3  # of data kept on a GPU for a whole phase, if at most a quarter of what is free there


class PhaseFailedError(Exception):
    """The phase ends without usable weights; the message says why, for the record of the trial."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error reports exhausted memory, on a GPU or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


@contextmanager
def memory_errors_named(what: str) -> Iterator[None]:
    """Running out of memory for `what` becomes a PhaseFailedError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise PhaseFailedError(f"memory did not hold {what}") from error


def may_stay(num_bytes: int, device: torch.device) -> bool:
    """Whether this many bytes may stay on a GPU for a whole phase."""
    return device.type == "cuda" and num_bytes <= min(RESIDENT_BYTES, torch.cuda.mem_get_info(device)[0] // 4)


def give_back(device: str) -> None:
    """Release the GPU memory that torch keeps cached: another process may need it next."""
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
