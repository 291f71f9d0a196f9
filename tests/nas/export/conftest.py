"""What tests of exported code need besides Python."""

from __future__ import annotations

import pytest
from system_packages import need_programs


@pytest.fixture(scope="session")
def compiler() -> None:
    """A C and a C++ compiler for this machine."""
    need_programs("gcc", "g++")


@pytest.fixture(scope="session")
def arm_tools() -> None:
    """A compiler for Arm's microcontrollers and a machine to run their code."""
    need_programs("arm-none-eabi-g++", "qemu-system-arm", "make")
