"""The command line as users see it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import environment, kilosmith, spawn_kilosmith
from search_examples import make_stages

from agent.commands import build_app
from agent.terminal.run_session import read_approval


def assert_one_line(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("kilosmith: ")
    for word in words:
        assert word in lines[0]
    assert result.stdout == ""


def write_architecture(folder: Path, stages: object) -> Path:
    path = folder / "architecture.json"
    path.write_text(json.dumps({"stages": stages}))
    return path


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_and_version_import_nothing_heavy(option: str, tmp_path: Path) -> None:
    code = (
        f"import sys\nfrom agent.command_line import run_command_line\nrun_command_line(['{option}'])\n"
        "heavy = {'torch', 'tensorflow', 'transformers', 'langgraph', 'langchain_core', 'numpy', 'timm'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "kilosmith" in result.stdout


def test_the_version_is_one_line(tmp_path: Path) -> None:
    result = kilosmith("--version", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"kilosmith {version('kilosmith')}\n", "")


@pytest.mark.parametrize("arguments", [(), ("run",), ("estimate",)])
def test_help_has_a_short_form(arguments: tuple[str, ...], tmp_path: Path) -> None:
    short, long = kilosmith(*arguments, "-h", cwd=tmp_path), kilosmith(*arguments, "--help", cwd=tmp_path)
    assert short.returncode == 0
    assert short.stdout == long.stdout


@pytest.mark.parametrize("name", sorted(command.callback.__name__ for command in build_app().registered_commands))
def test_every_command_has_help(name: str, tmp_path: Path) -> None:
    result = kilosmith(name, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert "--json" in result.stdout
    assert "--quiet" in result.stdout


def test_estimate_prints_the_documented_json(tmp_path: Path) -> None:
    path = write_architecture(tmp_path, make_stages())
    result = kilosmith("estimate", str(path), "--input", "16x16x1", "--classes", "10", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert result.stderr == ""
    assert document["peak_sram"]["total_bytes"] == (
        document["peak_sram"]["head_bytes"] + document["peak_sram"]["tail_bytes"]
    )
    assert document["macs"] == sum(operator["macs"] for operator in document["operators"])
    assert document["feasible"] is False  # far below the paper's 70 M MACs
    assert document["violations"][0]["constraint"] == "macs"
    assert document["violations"][0]["limit"]


def test_estimate_prints_a_table_with_the_peak_and_the_remedy(tmp_path: Path) -> None:
    path = write_architecture(tmp_path, make_stages())
    result = kilosmith("estimate", str(path), "--preset", "quick", "--set", "budget.macs_min=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "<- peak" in result.stdout
    assert "legal" in result.stdout


def test_sample_is_repeatable_and_its_output_can_be_estimated(tmp_path: Path) -> None:
    first = kilosmith("sample", "--seed", "3", "--count", "2", cwd=tmp_path)
    assert first.stdout == kilosmith("sample", "--seed", "3", "--count", "2", cwd=tmp_path).stdout
    assert len(first.stdout.splitlines()) == 2
    path = tmp_path / "one.json"
    path.write_text(first.stdout.splitlines()[0])
    assert kilosmith("estimate", str(path), "--json", cwd=tmp_path).returncode == 0


def test_feasible_samples_are_feasible(tmp_path: Path) -> None:
    drawn = kilosmith("sample", "--feasible", "--preset", "quick", "--json", cwd=tmp_path)
    path = tmp_path / "one.json"
    path.write_text(json.dumps(json.loads(drawn.stdout)[0]))
    priced = kilosmith("estimate", str(path), "--preset", "quick", "--json", cwd=tmp_path)
    assert json.loads(priced.stdout)["feasible"] is True


def test_boards_lists_every_number_with_its_source(tmp_path: Path) -> None:
    boards = json.loads(kilosmith("boards", "--json", cwd=tmp_path).stdout)
    assert {"stm32h743", "stm32f746", "nrf52840"} <= {board["name"] for board in boards}
    assert all(board["source"] for board in boards)
    assert "stm32h743" in kilosmith("boards", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--preset", "nope"], ["--preset must be one of", "nope"]),
        (["run", "--board", "nope"], ["nope", "stm32h743"]),
        (["run", "--data", "nope"], ["digits", "nope"]),
        (["run", "--set", "design.nope=1"], ["design.nope is not a configuration key"]),
        (["run", "--set", "design.max_trials=many"], ["design.max_trials", "many"]),
        (["run", "--set", "preset=paper"], ["--preset"]),
        (["run", "--set", "nonsense"], ["--set takes key=value"]),
        (["run", "--set", "seed.deep=1"], ["seed"]),
        (["run", "--config", "missing.toml"], ["missing.toml"]),
        (["run", "--approve", "perhaps"], ["approve", "perhaps"]),
        (["run", "--llm", "nope"], ["smollm2", "nope"]),
        (["run", "--llm", "scripted:missing.json"], ["missing.json"]),
        (["run", "--name", "../x"], ["run id"]),
        (["run", "--nope"], ["--nope"]),
        (["nope"], ["nope"]),
        (["trials", "nope"], ["RUN must be"]),
        (["resume", "latest"], ["latest"]),
        (["estimate", "missing.json"], ["missing.json"]),
        (["estimate"], ["ARCH.json"]),
        (["sample", "--count", "0"], ["--count"]),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(arguments: list[str], words: list[str], tmp_path: Path) -> None:
    assert_one_line(kilosmith(*arguments, cwd=tmp_path), 2, *words)
    assert not (tmp_path / "runs").exists()


def test_a_malformed_architecture_file_is_named_field_by_field(tmp_path: Path) -> None:
    path = write_architecture(tmp_path, make_stages({"kernel_size": 4}))
    assert_one_line(kilosmith("estimate", str(path), cwd=tmp_path), 2, "stage 1: kernel_size must be one of 3, 5, 7")
    path.write_text("{")
    assert_one_line(kilosmith("estimate", str(path), cwd=tmp_path), 2, "must be JSON")


def test_a_missing_data_folder_is_reported_before_anything_is_designed(tmp_path: Path) -> None:
    result = kilosmith("run", "--preset", "cifar-cpu", "--data", "cifar100:nowhere", "--llm", "random", cwd=tmp_path)
    assert result.returncode == 2
    assert "nowhere" in result.stderr.splitlines()[-1]


def test_a_runs_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = kilosmith("run", "--runs", "file", "--llm", "random", cwd=tmp_path)
    assert_one_line(result, 2, "file")


def test_a_reader_that_stops_reading_is_not_an_error(tmp_path: Path) -> None:
    for arguments in ("boards", "boards --json"):
        command = f"set -o pipefail; {sys.executable} -m agent {arguments} | true"
        result = subprocess.run(
            ["bash", "-c", command], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0
        assert result.stderr == ""


def test_without_arguments_help_is_shown(tmp_path: Path) -> None:
    result = spawn_kilosmith(cwd=tmp_path)
    assert result.returncode == 0
    assert "Commands:" in result.stdout


def test_a_process_ends_with_the_exit_code_of_its_command(tmp_path: Path) -> None:
    assert_one_line(spawn_kilosmith("estimate", "missing.json", cwd=tmp_path), 2, "missing.json")


def test_a_bug_is_a_crash_with_its_traceback_and_exit_code_1(tmp_path: Path) -> None:
    code = "import agent.commands; agent.commands.build_app = lambda: 1 / 0; from agent.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("line", "approved"),
    [("\n", ["c1"]), ("YES\n", ["c1"]), ("no\n", []), ("c2 c2\n", ["c2"]), (" , \n", None), ("c9\n", None)],
)
def test_an_approval_is_yes_no_or_trained_candidates(line: str, approved: list[str] | None) -> None:
    assert read_approval(line, ["c1"], ["c1", "c2"]) == approved


def test_a_baseline_cannot_be_autonomous(tmp_path: Path) -> None:
    result = kilosmith("run", "--llm", "random", "--set", "design.drive=autonomous", "--quiet", cwd=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "random is a baseline: choose guided" in line
    assert not (tmp_path / "runs").exists()
