"""What some tests need from the system: programs, and the Debian packages that provide them.

Where a program is missing, its tests are skipped; under KILOSMITH_REQUIRE_SYSTEM_PACKAGES they fail.
`python -m tests.system_packages` prints the packages. Standard library only: .ci/run asks before anything is installed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

REQUIRED = "KILOSMITH_REQUIRE_SYSTEM_PACKAGES"  # environment variable; set: a missing program is a failure
_LACKS = "needs Debian packages: "
_PACKAGES = {
    "chromium": ("chromium", "fonts-dejavu-core"),  # without a font it draws no text
    "chromedriver": ("chromium-driver",),
    "gcc": ("gcc",),
    "g++": ("g++",),
    "make": ("make",),
    "arm-none-eabi-g++": (
        "gcc-arm-none-eabi",
        "libnewlib-arm-none-eabi",
        "libstdc++-arm-none-eabi-newlib",
    ),
    "qemu-system-arm": ("qemu-system-arm",),
}
ALL_PACKAGES = tuple(package for packages in _PACKAGES.values() for package in packages)


def need_programs(*programs: str) -> None:
    """Skip the test unless all programs are there; fail it where they are required."""
    import pytest  # late: not installed yet when .ci/run asks for the packages

    packages = [package for program in programs if shutil.which(program) is None for package in _PACKAGES[program]]
    if not packages:
        return
    reason = _LACKS + " ".join(packages)
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason} ({REQUIRED} is set)", pytrace=False)
    pytest.skip(reason)


def describe_remedy(reasons: Iterable[str]) -> str:
    """The line that installs every package for want of which a test was skipped; empty if none was."""
    lacking = {word for reason in reasons if _LACKS in reason for word in reason.split(_LACKS)[1].split()}
    packages = [package for package in ALL_PACKAGES if package in lacking]
    return f"apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}" if packages else ""


if __name__ == "__main__":
    print(*ALL_PACKAGES)
