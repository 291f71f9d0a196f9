from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.architecture import Task
from nas.export.firmware import FirmwareModel, arena_with_margin, escape, render_firmware
from nas.export.tflite import Quantization
from nas.export.tflm import ArenaMeasurement

NAMES = ("plain", 'quo"te', "back\\slash", "tri??/graph", "new\nline", "Käse 🧀", "*/ // end")
FIRMWARE = FirmwareModel(
    name="c0007",
    model=bytes(range(256)) * 3 + b"tail",
    task=Task(32, 24, 3, len(NAMES)),
    input_quantization=Quantization(0.003921568859368563, -128),
    output_quantization=Quantization(1.0, 7),
    class_names=NAMES,
    mean=(0.5, 0.25, 0.0),
    std=(1.0, 0.25, 1e-6),
    measured=ArenaMeasurement(40_000, 8_800, 200, "tflm", "1.2"),
    arena_bytes=51_456,
)
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


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_the_sources_compile_without_a_warning_and_hold_what_they_were_given(tmp_path: Path) -> None:
    for name, text in render_firmware(FIRMWARE).items():
        (tmp_path / name).write_text(text, encoding="ascii")
    (tmp_path / "main.cc").write_text(MAIN)
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wtrigraphs"]
    done = subprocess.run(
        ["g++", *options, "model_data.cc", "main.cc", "-o", "main"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    output = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout
    head, *names, model = output.split(b"\0", len(NAMES) + 1)
    assert head.decode().split("\n") == [
        "51456 0",
        f"32 24 3 {len(NAMES)}",
        "0.00392156886 -128 1 7",
        "0.5 1",
        "0.25 0.25",
        "0 9.99999997e-07",
        "",
    ]
    assert tuple(name.decode() for name in names) == NAMES
    assert model == FIRMWARE.model


def test_the_arena_constant_says_where_it_comes_from() -> None:
    config = render_firmware(FIRMWARE)["model_config.h"]
    assert "Measured: 49000 bytes, 40000 for activations, 8800 persistent,\n// 200 while planning" in config
    assert "(tflm 1.2, reference kernels, " in config


def test_lines_fit_the_house_width() -> None:
    assert max(len(line) for text in render_firmware(FIRMWARE).values() for line in text.split("\n")) <= 120


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
