from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from firmware_examples import NAMES, firmware_example, replace_in, write_firmware
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import CheckError
from nas.export.firmware import arena_with_margin, render_firmware
from nas.export.firmware.c_text import escape, write_float
from nas.export.operator_support import resolver_methods

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wtrigraphs"]
MAIN = r"""
#include <cstdint>
#include <cstdio>
#include "model_config.h"
#include "model_data.h"
int main() {
  static unsigned char arena[kilosmith::kArenaBytes];
  std::printf("%d %d\n", static_cast<int>(sizeof(arena)),
              static_cast<int>(reinterpret_cast<std::uintptr_t>(kilosmith::kModelData) % 16));
  std::printf("%d %d %d %d\n", kilosmith::kInputHeight, kilosmith::kInputWidth, kilosmith::kInputChannels,
              kilosmith::kNumClasses);
  std::printf("%.9g %d %.9g %d\n", static_cast<double>(kilosmith::kInputScale), kilosmith::kInputZeroPoint,
              static_cast<double>(kilosmith::kOutputScale), kilosmith::kOutputZeroPoint);
  for (int c = 0; c < kilosmith::kInputChannels; ++c)
    std::printf("%.9g %.9g\n", static_cast<double>(kilosmith::kInputMean[c]),
                static_cast<double>(kilosmith::kInputStd[c]));
  std::printf("%c", 0);
  for (const char* name : kilosmith::kClassNames) std::printf("%s%c", name, 0);
  std::fwrite(kilosmith::kModelData, 1, kilosmith::kModelDataBytes, stdout);
  return 0;
}
"""
HOST_PORT = r"""
#include <cstdio>
#include <cstdlib>
#include "port.h"
namespace kilosmith {
const char* const kPortTickUnit = "ticks";
void PortInit() {}
void PortWrite(const char* text) { std::fputs(text, stdout); }
std::uint32_t PortTicks() { return 0; }
void PortExit(int code) { std::exit(code); }
}
"""


@pytest.mark.usefixtures("compiler")
def test_the_sources_compile_without_a_warning_and_hold_what_they_were_given(tmp_path: Path) -> None:
    write_firmware(tmp_path)
    (tmp_path / "main.cc").write_text(MAIN)
    done = subprocess.run(
        ["g++", "-std=c++17", *WARNINGS, "model_data.cc", "main.cc", "-o", "main"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    output = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    head, *names, model = output.split(b"\0", len(NAMES) + 1)
    firmware = firmware_example()
    quantizations = firmware.input_quantization, firmware.output_quantization
    scales = [f"{write_float(each.scale).rstrip('f')} {each.zero_point}" for each in quantizations]
    assert head.decode().split("\n")[:3] == [f"{firmware.arena_bytes} 0", "21 16 3 10", " ".join(scales)]
    floats = [float(word) for line in head.decode().split("\n")[3:6] for word in line.split()]
    assert floats == pytest.approx([value for pair in zip(firmware.mean, firmware.std, strict=True) for value in pair])
    assert tuple(name.decode() for name in names) == NAMES
    assert model == firmware.model


def run_check_here(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the part of the self-test that needs no TFLM, compiled for this machine."""
    (folder / "host_port.cc").write_text(HOST_PORT)
    subprocess.run(["gcc", "-std=c11", *WARNINGS, "-c", "preprocess.c"], cwd=folder, check=True)
    sources = ["check.cc", "preprocess_check.cc", "model_data.cc", "test_vectors.cc", "host_port.cc", "preprocess.o"]
    subprocess.run(["g++", "-std=c++17", *WARNINGS, *sources, "-o", "check"], cwd=folder, check=True)
    return subprocess.run([folder / "check"], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("compiler")
def test_the_self_test_passes_here_and_names_what_was_tampered_with(tmp_path: Path) -> None:
    write_firmware(tmp_path)
    done = run_check_here(tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0]) == (0, "kilosmith preprocessing check of c0007")
    assert lines[-1] == f"PASS: {len(firmware_example().vectors.frames)} vectors"

    good = {name: (tmp_path / name).read_text() for name in ("test_vectors.cc", "model_data.cc")}
    replace_in(tmp_path / "test_vectors.cc", f"{firmware_example().vectors.input_crc32[1]:08x}U", "deadbeefU")
    done = run_check_here(tmp_path)
    assert done.returncode == 1
    assert "FAIL: vector 1: the preprocessed input must have CRC-32 deadbeef; it has " in done.stdout

    (tmp_path / "test_vectors.cc").write_text(good["test_vectors.cc"])
    rows = good["model_data.cc"].splitlines()
    at = next(index for index, row in enumerate(rows) if row.startswith("    0x")) + 100
    rows[at] = ("    0x00," if not rows[at].startswith("    0x00,") else "    0x01,") + rows[at][9:]
    (tmp_path / "model_data.cc").write_text("\n".join(rows) + "\n")
    done = run_check_here(tmp_path)
    assert done.returncode == 1
    assert "FAIL: the model data must have CRC-32 " in done.stdout


def test_the_arena_constant_says_where_it_comes_from() -> None:
    config = render_firmware(firmware_example())["model_config.h"]
    measured = firmware_example().measured
    parts = f"{measured.head_bytes} for activations, {measured.tail_bytes} persistent,"
    assert f"Measured: {measured.total_bytes} bytes, {parts}" in config
    assert f"(tflm {measured.version}, reference kernels, " in config


def test_the_resolver_registers_each_operator_once() -> None:
    resolver = render_firmware(firmware_example())["op_resolver.h"]
    assert "MicroMutableOpResolver<8>" in resolver
    for method in resolver_methods(firmware_example().operators):
        assert resolver.count(f"resolver.{method}()") == 1


def test_an_operator_that_tflm_lacks_is_refused_by_name() -> None:
    with pytest.raises(CheckError, match="must be one of the 100 built-in ones of TFLM; operator 1 is SEGMENT_SUM"):
        resolver_methods(("CONV_2D", "SEGMENT_SUM"))


def test_lines_fit_the_maximum_width() -> None:
    texts = {name: text for name, text in render_firmware(firmware_example()).items() if not name.endswith(".md")}
    wide = [(name, line) for name, text in texts.items() for line in text.split("\n") if len(line) > 120]
    assert wide == []


@given(st.integers(1, 10**8), st.integers(16, 10**8))
def test_the_arena_has_its_margin_unless_the_board_ends_first(measured: int, ram: int) -> None:
    arena = arena_with_margin(measured, ram)
    assert arena % 16 == 0
    assert arena <= ram
    assert arena >= min(measured + max(2048, measured // 20), ram - 15)


@given(st.text())
def test_escaped_text_is_harmless_and_loses_nothing(text: str) -> None:
    escaped = escape(text)
    assert escaped.isascii()
    assert not set('"?\n\r') & set(escaped)
    back = escaped.encode().decode("unicode_escape").encode("latin-1")
    assert back == text.encode("utf-8", "surrogatepass")
