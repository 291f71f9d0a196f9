from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nas.export.native_stderr import native_stderr_captured

SCRIPT = """
import os, sys
from nas.export.native_stderr import native_stderr_captured
print("before", file=sys.stderr)
with native_stderr_captured() as captured:
    os.write(2, b"from C++;")
    print("from Python", file=sys.stderr)
    os.write(2, b"more")
    print(captured())
os.write(2, b"after")
"""


def test_native_output_is_captured_while_python_still_reaches_the_terminal(request: pytest.FixtureRequest) -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=request.config.rootpath)
    assert done.stdout == "from C++;more\n"
    assert done.stderr == "before\nfrom Python\nafter"


def test_an_error_inside_restores_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stderr
    with pytest.raises(OSError, match="swallow"), native_stderr_captured():
        raise OSError(os.write(2, b"swallowed"), "swallow")
    os.write(2, b"visible")
    assert capfd.readouterr().err == "visible"
    assert sys.stderr is before
