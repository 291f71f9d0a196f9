"""The delivered firmware, compiled for a Cortex-M7 and run in QEMU.

With TFLM_INCLUDE and TFLM_LIB set (headers and a library that you built for cortex-m7+fp; firmware/README.md says how)
the whole self-test runs; otherwise only what needs no TFLM.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from firmware_examples import firmware_example, replace_in, write_firmware

pytestmark = pytest.mark.usefixtures("arm_tools")


def needs_tflm(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that builds the firmware with TFLM: slow, and run only where a library is given."""
    is_given = bool(os.environ.get("TFLM_INCLUDE") and os.environ.get("TFLM_LIB"))
    reason = "set TFLM_INCLUDE and TFLM_LIB to TFLM's headers and its library for cortex-m7+fp"
    return pytest.mark.slow(pytest.mark.skipif(not is_given, reason=reason)(test))


def make(folder: Path, board: str, target: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(folder), f"BOARD={board}", target]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    write_firmware(tmp_path)
    return tmp_path


def read_sections(elf: Path) -> dict[str, tuple[int, int]]:
    """Section -> (bytes, address)."""
    done = subprocess.run(["arm-none-eabi-size", "-A", "-d", elf], capture_output=True, text=True, check=True)
    rows = re.findall(r"^(\.\S+)\s+(\d+)\s+(\d+)$", done.stdout, re.MULTILINE)
    return {name: (int(size), int(address)) for name, size, address in rows}


@pytest.mark.parametrize("board", ["stm32h743", "mps2_an500"])
def test_what_needs_no_tflm_compiles_without_a_warning_and_links_within_the_board(board: str, firmware: Path) -> None:
    done = make(firmware, board, "preprocess_check")
    assert (done.returncode, done.stderr) == (0, "")
    sections = read_sections(firmware / f"build/{board}/preprocess_check.elf")
    size, address = sections[".kilosmith_model"]
    assert (size, address % 16) == (len(firmware_example().model), 0)
    assert sections[".text"][1] == {"stm32h743": 0x0800_0000, "mps2_an500": 0}[board]
    assert sections[".kilosmith_arena"][1] == {"stm32h743": 0x2400_0000, "mps2_an500": 0x2000_0000}[board]
    assert sections[".data"][0] + sections[".bss"][0] < 4096  # the allowance of nas.cost.board, besides 16 KiB of stack


@pytest.mark.parametrize(("memory", "name"), [("ARENA (rw)  : ORIGIN = 0x24000000", "ARENA"), ("FLASH", "FLASH")])
def test_what_exceeds_the_board_does_not_link(memory: str, name: str, firmware: Path) -> None:
    script = firmware / "boards/stm32h743/linker.ld"
    script.write_text(re.sub(rf"({name} .*LENGTH = )\w+", r"\g<1>512", script.read_text()))
    done = make(firmware, "stm32h743", "preprocess_check")
    assert done.returncode != 0
    assert f"region `{name}' overflowed" in done.stderr


def test_preprocessing_and_comparison_pass_in_qemu_and_name_a_wrong_input(firmware: Path) -> None:
    done = make(firmware, "mps2_an500", "run_preprocess_check")
    count = len(firmware_example().vectors.frames)
    assert done.returncode == 0, done.stderr
    assert f"PASS: {count} vectors" in done.stderr
    crc = f"{firmware_example().vectors.input_crc32[count - 1]:08x}"
    replace_in(firmware / "test_vectors.cc", f"{crc}U", "00000000U")
    done = make(firmware, "mps2_an500", "run_preprocess_check")
    assert done.returncode != 0
    assert f"FAIL: vector {count - 1}: the preprocessed input must have CRC-32 00000000; it has {crc}" in done.stderr


def test_a_firmware_without_tflm_is_refused_in_one_line(firmware: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TFLM_LIB", raising=False)
    done = make(firmware, "mps2_an500", "firmware")
    assert done.returncode != 0
    assert "TFLM_INCLUDE and TFLM_LIB must name" in done.stderr


@needs_tflm
@pytest.mark.parametrize("board", ["stm32h743", "mps2_an500"])
def test_the_whole_firmware_builds_without_a_warning(board: str, firmware: Path) -> None:
    done = make(firmware, board, "firmware")
    assert (done.returncode, done.stderr) == (0, "")
    sections = read_sections(firmware / f"build/{board}/firmware.elf")
    assert sections[".kilosmith_arena"][0] == firmware_example().arena_bytes
    assert sections[".data"][0] + sections[".bss"][0] < 4096


@needs_tflm
def test_the_cortex_m7_answers_as_the_python_runtime_in_the_smallest_arena(firmware: Path) -> None:
    done = make(firmware, "mps2_an500", "run")
    assert done.returncode == 0, done.stderr
    assert f"PASS: {len(firmware_example().vectors.frames)} vectors" in done.stderr
    used = re.search(r"arena: (\d+) of (\d+) bytes used", done.stderr)
    assert used is not None
    assert int(used[2]) == firmware_example().arena_bytes
    smallest = -(-int(used[1]) // 16) * 16
    config = firmware / "model_config.h"
    replace_in(config, f"kArenaBytes = {used[2]};", f"kArenaBytes = {smallest};")
    assert make(firmware, "mps2_an500", "run").returncode == 0
    replace_in(config, f"kArenaBytes = {smallest};", f"kArenaBytes = {smallest - 16};")
    done = make(firmware, "mps2_an500", "run")
    assert done.returncode != 0
    assert f"FAIL: the arena is too small: TFLM cannot start the model in kArenaBytes = {smallest - 16}" in done.stderr


@needs_tflm
def test_the_firmware_names_a_wrong_output(firmware: Path) -> None:
    last = len(firmware_example().vectors.frames) - 1
    expected = int(firmware_example().vectors.outputs[last][0])
    path = firmware / "test_vectors.cc"
    head, tail = path.read_text().split(f"output{last}[kNumClasses] = {{\n    ")
    path.write_text(f"{head}output{last}[kNumClasses] = {{\n    {expected + 1}{tail.removeprefix(str(expected))}")
    done = make(firmware, "mps2_an500", "run")
    assert done.returncode != 0
    wanted = f"logit 0 must be {expected + 1} (tolerance 0); it is {expected}"
    assert f"FAIL: vector {last}: {wanted}" in done.stderr


@needs_tflm
def test_the_firmware_names_an_operator_that_is_not_registered(firmware: Path) -> None:
    replace_in(firmware / "op_resolver.h", "  if (resolver.AddLogistic() != kTfLiteOk) return false;\n", "")
    done = make(firmware, "mps2_an500", "run")
    assert done.returncode != 0
    assert "FAIL: the model needs the operator LOGISTIC, which op_resolver.h does not register" in done.stderr


@needs_tflm
def test_the_firmware_names_an_altered_model(firmware: Path) -> None:
    path = firmware / "model_data.cc"
    head, first, rest = path.read_text().partition("    0x")
    byte, tail = rest[:2], rest[2:]
    assert first
    path.write_text(f"{head}    0x{int(byte, 16) ^ 1:02x}{tail}")
    done = make(firmware, "mps2_an500", "run")
    assert done.returncode != 0
    assert "FAIL: the model data must have CRC-32 " in done.stderr
