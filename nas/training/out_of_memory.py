"""Memory that does not suffice: how torch says it, and what to do on a GPU before and after."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# torch says all these in plain RuntimeErrors: its CPU allocator; CUDA while it loads a kernel; cuBLAS and cuDNN when
# their workspace finds no room, and cuDNN when no engine's did
SIGNS = (
    "can't allocate memory",
    "not enough memory",
    "CUDA error: out of memory",
    "STATUS_ALLOC_FAILED",
    "unable to find an engine",
)
RESIDENT_BYTES = 4 * 1024**3  # of data that move to a GPU for good, if they are at most a quarter of what is free there


class PhaseFailedError(Exception):
    """The phase ends without usable weights; the message says why, for the record of the trial."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is spent, on a GPU or here."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)


@contextmanager
def memory_errors_named(what: str) -> Iterator[None]:
    """Memory that does not suffice for `what` becomes a PhaseFailedError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise PhaseFailedError(f"memory did not hold {what}") from error


def may_stay(num_bytes: int, device: torch.device) -> bool:
    """Whether so many bytes may lie on a GPU for as long as a phase lasts."""
    return device.type == "cuda" and num_bytes <= min(RESIDENT_BYTES, torch.cuda.mem_get_info(device)[0] // 4)


def give_back(device: str) -> None:
    """Return the memory that torch keeps on a GPU for later to all others: another process may need it next."""
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
