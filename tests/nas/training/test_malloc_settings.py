"""Freed memory stays in the process while training and is returned afterwards; a benchmark measures the savings."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from nas.training.malloc_settings import SETTINGS, kept_memory

# a process of its own: the C library keeps these settings for good
PROBE = """
import ctypes
from nas.training.malloc_settings import SETTINGS, kept_memory

MIB = 2**20
NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
class Info(ctypes.Structure):  # struct mallinfo of glibc's malloc.h
    _fields_ = [(name, ctypes.c_int) for name in NAMES.split()]
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
library.mallinfo.restype = Info

def count_kept():
    before = library.mallinfo()
    block = library.malloc(64 * MIB)
    own_mapping = library.mallinfo().hblkhd - before.hblkhd
    library.free(block)
    return own_mapping // MIB, (library.mallinfo().fordblks - before.fordblks) // MIB

print(*count_kept())
with kept_memory():
    print(*count_kept())
print(*(library.mallopt(parameter, value) for parameter, value in SETTINGS.items()))
"""


class Library:
    """The calls to the C library, in order."""

    def __init__(self, _: None) -> None:
        self.calls: list[tuple[int, ...]] = []
        libraries.append(self)

    def mallopt(self, *arguments: int) -> int:
        self.calls.append(arguments)
        return 1

    def malloc_trim(self, *arguments: int) -> int:
        self.calls.append(arguments)
        return 1


libraries: list[Library] = []


@pytest.fixture(autouse=True)
def _no_calls_before() -> None:
    libraries.clear()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_glibc_keeps_a_freed_block_that_it_would_have_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    usual, kept, accepted = done.stdout.splitlines()
    assert usual == "64 0"  # MiB mapped for the block alone, MiB that stay in the process when it is freed
    assert kept.split()[0] == "0"
    assert int(kept.split()[1]) >= 64
    assert accepted.split() == ["1"] * len(SETTINGS)


def test_memory_is_given_back_at_the_end_however_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", Library)
    with pytest.raises(KeyboardInterrupt), kept_memory():
        raise KeyboardInterrupt
    (library,) = libraries
    assert library.calls == [*SETTINGS.items(), (0,)]


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", Library)
    with kept_memory():
        pass
    assert libraries == []
