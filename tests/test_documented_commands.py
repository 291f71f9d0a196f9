"""Every command of README and docs, executed as a reader types it, in a folder that holds what the text assumes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_line import FAST, PATIENCE, environment, kilosmith, start_kilosmith
from documented_commands import COMMANDS, find_synopses
from openai_server import Behaviour, OpenAIServer, Request, calls, text
from search_examples import make_stages

from agent.running.paths import cache_folder
from graphs.design.examination import QUESTIONS

# Placeholders in the text and what is typed for them, in this order. DIR and SOURCE are folders of that name.
TYPED = {
    "--llm SPEC --llm-url URL": "--llm openai:qwen2.5:7b --llm-url http://127.0.0.1:11434/v1",
    "--llm SPEC": "--llm mutate",
    "--data SPEC": "--data digits",
    "RUN RUN...": "RUN RUN",
    "RUN RUN": "seed0 baseline",
    "export RUN --candidate ID": "export delivered --candidate c004",
    "RUN": "latest",
    '"question"': '"what if stage 2 had kernel 3? train it"',
    "--name ID": "--name fork",
    "--board NAME": "--board stm32f746",
    "--only NAME": "--only propose",
    "FILE.html": "page.html",
    "--speed X": "--speed 0",
    "--from STEP": "--from 5",
    "--to STEP": "--to 20",
    "--count N": "--count 2",
    "--seed S": "--seed 3",
}
STDIN = {"chat": "why did c011 win?\n", "replay": 20 * "\n"}  # a question; Enter after every step
RUNS = ("example", "seed0", "seed1", "baseline")  # finished runs in the reader's folder; all are copies of the example
LITTLE = (*FAST, "--set", "data.train_limit=1000")
SLOW = {"run", "resume", "teacher", "export", "verify", "doctor"}  # they need training, or load everything
IN_BASH = {*SLOW, "--install-completion", "front"}  # all others are executed in this process

# What a command must print on stdout and which file it must leave, by its name. A new command needs a line here.
PROMISES: dict[str, tuple[str, str]] = {
    "--version": (r"^kilosmith \d+\.\d+", ""),
    "--install-completion": ("bash completion installed", ".bashrc"),
    "ask": (
        r"^\[from the tool \w+: c0\d\d.*\]$",
        "runs/*/conversation.jsonl",
    ),  # the tool that spoke, with its arguments
    "boards": ("nrf52840", ""),
    "chat": (r"^> why did c011 win\?\nc011 is proposal 11", "runs/*/conversation.jsonl"),
    "compare": ("[23] runs compared in", "*.html"),
    "doctor": ("free space", ""),
    "estimate": ("MACs", ""),
    "export": ("", "DIR/model.tflite"),
    "front": ("c011", ""),
    "models": ("smollm2: ", ""),
    "replay": ("verified .* agree with the records|designer  edits c006", ""),
    "report": ("report.*(report|digits|page).html", ""),
    "resume": ("", "runs/[if]*/delivery/*/model.tflite"),  # interrupted, or its fork
    "run": ("", "runs/2*/delivery/*/model.tflite"),  # such a run's id begins with the year
    "sample": ("stages", ""),
    "teacher": ("use it with --set training.teacher.source=DIR", "DIR/model.safetensors"),
    "trials": (r"rejected .* 11\.43 ", ""),  # c007
    "verify": ("files unaltered, 8 test vectors reproduced", ""),
}


@dataclass(frozen=True)
class Reader:
    """Somebody at a shell, in a folder."""

    folder: Path

    def type(self, line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The finished command line: in bash if the shell or a whole process is part of the promise."""
        given = {"HOME": str(self.folder), "KILOSMITH_CACHE": str(cache_folder())}
        if name_command(line) not in IN_BASH:
            words = shlex.split(line)
            return kilosmith(
                *words[1 if words[0] == "kilosmith" else 3 :], cwd=self.folder, stdin=stdin, variables=given
            )
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        return subprocess.run(
            ["bash", "-c", f"{line}\nexit $?"],  # two lines, so that bash stays alive: completion looks for its shell
            cwd=self.folder,
            env=environment() | {"PATH": path} | given,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture
def reader(example_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in RUNS:
        shutil.copytree(example_root / "example", tmp_path / "runs" / name)
    return Reader(tmp_path)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that delivered one network."""
    folder = tmp_path_factory.mktemp("delivered")
    made = kilosmith("run", "--llm", "mutate", "--name", "delivered", *FAST, cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "runs" / "delivered"


def hasten(line: str) -> str:
    """A command that trains, made to end in seconds: settings placed before its own, which therefore win."""
    return re.sub(r"(kilosmith|agent) (run|teacher)\b", rf"\g<0> {shlex.join(LITTLE)}", line, count=1)


def write_architecture(folder: Path) -> None:
    (folder / "ARCH.json").write_text(json.dumps({"stages": make_stages()}))


def write_cifar100(folder: Path) -> None:
    """The official files at full size, with images whose class can be recognized."""
    (folder / "DIR").mkdir()
    for name, count in (("train.bin", 50_000), ("test.bin", 10_000)):
        records = np.zeros((count, 3074), np.uint8)
        records[:, 1] = np.arange(count) % 100
        records[:, 2:1026] = 2 * records[:, 1:2]
        records.tofile(folder / "DIR" / name)


def train_teacher(folder: Path) -> None:
    """A timm teacher to start from."""
    made = kilosmith("teacher", "--out", "SOURCE", *FAST, cwd=folder)
    assert made.returncode == 0, made.stderr


def interrupt_run(folder: Path) -> None:
    """A run interrupted once its first candidate was trained; it becomes the latest."""
    with start_kilosmith("run", "--llm", "mutate", "--name", "interrupted", *FAST, cwd=folder) as process:
        trials = folder / "runs" / "interrupted" / "trials.jsonl"
        while not trials.exists() or '"trained"' not in trials.read_text():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, stderr


# What the reader provides, under the name used in the text: (where it is needed, how it is made).
BROUGHT: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("estimate ARCH.json", write_architecture),
    ("cifar100:DIR", write_cifar100),
    ("--base SOURCE", train_teacher),
    ("resume ", interrupt_run),
)


def design(request: Request) -> Behaviour:
    """A served model that fails the check for autonomous designers and makes legal and new designs."""
    names = [tool["function"]["name"] for tool in request["tools"]]
    if request["messages"][-1]["content"] in [question.text for question in QUESTIONS]:
        return text("c007 needs many.")
    if names == ["select_claims"]:
        return calls(("select_claims", {"claims": [{"claim": "k2"}, {"claim": "k1"}]}))
    return calls(("propose_architecture", {"stages": make_stages({"kernel_size": 3 + 2 * (request["seed"] % 3)})}))


@pytest.fixture
def addresses() -> Iterator[dict[str, str]]:
    """Documented addresses, and those that replace them here."""
    with OpenAIServer(design) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # no one listens: an unreachable store is reported once, and the run continues
        yield {
            "http://127.0.0.1:11434/v1": server.url,
            "http://127.0.0.1:5000": f"http://127.0.0.1:{closed.getsockname()[1]}",
        }


def name_command(line: str) -> str:
    words = shlex.split(line)
    return words[3] if words[0] == "python" else words[1]


def fill_in(line: str) -> str:
    for placeholder, value in TYPED.items():
        line = line.replace(placeholder, value)
    return line


def mark(line: str) -> object:
    is_slow = name_command(line) in SLOW or "--yes" in line
    return pytest.param(line, marks=pytest.mark.slow if is_slow else ())


LINES = sorted({fill_in(line) for line in (*(line for _, line in COMMANDS), *find_synopses())})


@pytest.mark.parametrize("line", [mark(line) for line in LINES])
def test_documented_command_does_what_the_text_says(
    line: str, reader: Reader, addresses: dict[str, str], request: pytest.FixtureRequest
) -> None:
    for words, make in BROUGHT:
        if words in line:
            make(reader.folder)
    if name_command(line) in {"verify", "export"}:
        run = shutil.copytree(request.getfixturevalue("delivered"), reader.folder / "runs" / "delivered")
        (winner,) = (run / "delivery").iterdir()
        if name_command(line) == "verify":
            winner.rename(reader.folder / "DIR")
    typed = hasten(line)
    for documented, real in addresses.items():
        typed = typed.replace(documented, real)
    done = reader.type(typed, STDIN.get(name_command(line), ""))
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    shows, leaves = PROMISES[name_command(line)]
    assert re.search(shows, done.stdout, re.M), done.stdout
    assert not leaves or list(reader.folder.glob(leaves)), done.stderr
    check_options(shlex.split(line), done, reader.folder)


def check_options(words: list[str], done: subprocess.CompletedProcess[str], folder: Path) -> None:
    """What the options of a command promise."""
    if "--json" in words:
        assert json.loads(done.stdout)
    if "--out" in words:
        assert (folder / words[words.index("--out") + 1]).exists()
    if any(word.startswith("tracking.mlflow=http:") for word in words):
        assert done.stderr.count("tracking  given up: MlflowException") == 1, done.stderr
    if any(word.startswith("tracking.mlflow=sqlite:") for word in words):
        assert (folder / "mlflow.db").stat().st_size > 0
    if "--llm-url" in words:
        assert "openai:qwen2.5:7b" in done.stderr
