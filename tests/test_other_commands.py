"""The commands of other programs in README and docs: benchmarks accept theirs, others exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from command_line import environment
from documented_commands import OTHER_COMMANDS, ROOT

LINES = sorted({line for _, line in OTHER_COMMANDS})
BENCHMARKS = [line for line in LINES if line.startswith("python -m benchmarks.")]

# What no test executes, and why. Anything that is neither here nor a benchmark fails.
NOT_EXECUTED = {
    "pip install -c constraints.txt -e .": "needs a registry; the names of files and extras are checked below",
    "pip install -c constraints.txt -e '.[dev]'": "as above",
    "pip install -c constraints.txt -e '.[tracking]'": "as above",
    'pip install "langgraph-cli[inmem]"': "needs a registry; not ours",
    "langgraph dev": "that package's; tests/agent/test_studio.py loads what langgraph.json names as its server does",
    "python -m tests": "executes this test",
    "python -m tests -k store": "executes the suite",
    "pytest -m slow": "executes the suite",
    "python -m tests.help_pages": "writes docs/help.md; tests/test_documentation.py compares what it writes",
    "python -m tests.same_run RUN RUN": "tests/test_same_run.py calls it on recorded runs",
    "python -m tests.screenshots RUN": "needs a browser and somebody who looks; writes docs/images",
    "pytest -m slow tests/nas/export/test_firmware_on_target.py": "a test file of this suite",
    'TFLM_INCLUDE="DIR ..." TFLM_LIB=libtensorflow-microlite.a python -m pytest -m slow '
    "tests/nas/export/test_firmware_on_target.py": "needs a build of TFLM; without one the file is in the slow suite",
}

# Executes each benchmark up to the point where its arguments are parsed; prints the exit codes by command.
_PARSE = """
import argparse, json, runpy, shlex, sys

class Understood(Exception):
    pass

def parse_only(parser, *rest):
    parse(parser, *rest)
    raise Understood

parse, argparse.ArgumentParser.parse_args = argparse.ArgumentParser.parse_args, parse_only
codes = {}
for line in json.loads(sys.argv[1]):
    module, *arguments = shlex.split(line)[2:]
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__")
        codes[line] = "takes no arguments"
    except Understood:
        codes[line] = "understood"
    except SystemExit as ending:
        codes[line] = f"exit code {ending.code}"
print(json.dumps(codes))
"""


def test_every_command_of_another_program_is_a_benchmark_or_excused() -> None:
    assert set(LINES) - set(BENCHMARKS) == set(NOT_EXECUTED)


def test_every_benchmark_is_documented() -> None:
    files = (ROOT / "benchmarks").glob("*.py")
    commands = {f"benchmarks.{path.stem}" for path in files if "__main__" in path.read_text(encoding="utf-8")}
    assert {shlex.split(line)[2] for line in BENCHMARKS} == commands


def test_benchmarks_understand_their_documented_arguments_and_have_help() -> None:
    helps = {f"{' '.join(line.split()[:3])} --help" for line in BENCHMARKS}
    done = subprocess.run(
        [sys.executable, "-c", _PARSE, json.dumps([*BENCHMARKS, *sorted(helps)])],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout.splitlines()[-1])
    assert codes == dict.fromkeys(BENCHMARKS, "understood") | dict.fromkeys(helps, "exit code 0"), done.stderr


def test_named_files_and_extras_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = [extra for line in LINES for extra in re.findall(r"'\.\[(\w+)\]'", line)]
    assert named
    assert set(named) <= set(extras)
    files = [Path(word) for line in LINES for word in shlex.split(line) if word.endswith((".txt", ".py"))]
    assert {"constraints.txt", "test_firmware_on_target.py"} <= {path.name for path in files}
    assert all((ROOT / path).is_file() for path in files)
