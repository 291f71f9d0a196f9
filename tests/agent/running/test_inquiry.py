"""`ask` and `chat` as a user meets them: by subprocess, through pipes and in a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from command_line import PATIENCE, environment, kilosmith
from openai_server import OpenAIServer, Request, calls, stall, text

from nas.records.run_store import RunStore


def runs_of(store: RunStore) -> tuple[str, ...]:
    return ("--runs", str(store.folder.parent))


def test_a_question_is_answered_on_stdout_and_kept_with_the_run(example_copy: RunStore) -> None:
    asked = kilosmith("ask", "example", "why did c011 win?", *runs_of(example_copy), cwd=example_copy.folder)
    assert asked.returncode == 0, asked.stderr
    assert "best validation accuracy of the front, 97.92%" in asked.stdout
    assert "[from the tool explain: c011]" in asked.stdout
    document = json.loads(
        kilosmith("ask", "latest", "and c006?", "--json", *runs_of(example_copy), cwd=example_copy.folder).stdout
    )
    assert document["calls"][0]["args"] == {"candidate_id": "c006"}  # the conversation continues from call to call
    assert document["by"] == "router"
    assert [turn["question"] for turn in example_copy.load_conversation()] == ["why did c011 win?", "and c006?"]


def test_a_training_cannot_be_confirmed_through_a_pipe(example_copy: RunStore) -> None:
    question = "train c004 with kernel 3 in stage 1"
    asked = kilosmith("ask", "example", question, *runs_of(example_copy), cwd=example_copy.folder, stdin="y\n")
    assert asked.returncode == 0
    assert "Nothing was trained: nobody confirmed it." in asked.stdout
    assert example_copy.load_what_ifs() == []


def test_a_run_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    asked = kilosmith("ask", "nothing", "why", cwd=tmp_path)
    assert asked.returncode == 2
    assert asked.stderr.startswith("kilosmith: RUN must be")


def test_chat_takes_questions_and_commands_from_a_pipe(example_copy: RunStore) -> None:
    asked = ("where is the memory peak?", "", "and c004?", "/front", "/stage c006 2", "/compare c006", "/nonsense")
    lines = "\n".join([*asked, "/history", "/quit", "more", ""])
    ended = kilosmith("chat", "example", *runs_of(example_copy), cwd=example_copy.folder, stdin=lines)
    assert ended.returncode == 0, ended.stderr
    for words in ("> where is the memory peak?", "46.0 KiB of 48 KiB", "c004: peak SRAM 18.4 KiB", "Pareto front",
                  "c006 stage 2 of 3"):  # fmt: skip
        assert words in ended.stdout
    assert "/compare takes 2 arguments; got 1" in ended.stderr
    assert "a command must be one of /why" in ended.stderr
    assert ended.stdout.count("46.0 KiB of 48 KiB") == 2  # printed again by /history
    assert "> more" not in ended.stdout


def test_chat_through_a_pipe_as_json_is_one_document(example_copy: RunStore) -> None:
    ended = kilosmith(
        "chat", "example", "--json", *runs_of(example_copy), cwd=example_copy.folder, stdin="front\nweather\n"
    )
    turns = json.loads(ended.stdout)
    assert [turn["is_declined"] for turn in turns] == [False, True]


def test_a_server_answers_with_tools_and_its_inventions_are_replaced(example_copy: RunStore) -> None:
    def behave(request: Request) -> object:
        if request["messages"][-1]["role"] == "user":
            return calls(("tell_limits", {"candidate_id": "c011"}))
        return text("c011 uses 12% of its SRAM. \x1b[31mTrust me.")

    with OpenAIServer(behave) as server:  # type: ignore[arg-type]
        by = ("--llm", "openai:test", "--llm-url", server.url)
        asked = kilosmith("ask", "example", "what limits it?", *by, *runs_of(example_copy), cwd=example_copy.folder)
        requests = server.requests
    assert asked.returncode == 0, asked.stderr
    assert "46.0 KiB of 48.0 KiB (96%)" in asked.stdout
    assert "(the chat model's own words were not kept: 12% of c011)" in asked.stdout
    assert "\x1b" not in asked.stdout
    assert {tool["function"]["name"] for tool in requests[0]["tools"]} >= {
        "price_edits",
        "compare_candidates",
        "explain",
    }


def test_a_server_that_cannot_be_reached_is_exit_code_4(example_copy: RunStore) -> None:
    by = ("--llm", "openai:test", "--llm-url", "http://127.0.0.1:9/v1")
    asked = kilosmith("ask", "example", "why c011", *by, *runs_of(example_copy), cwd=example_copy.folder)
    assert asked.returncode == 4
    assert asked.stderr.splitlines()[-1].startswith("kilosmith: 4 requests in a row to http://127.0.0.1:9/v1 failed")
    assert example_copy.load_conversation() == []


def test_class_names_of_a_data_folder_cannot_write_escapes_or_markup(example_copy: RunStore) -> None:
    path = example_copy.folder / "conversation.jsonl"
    turn = {"time": "", "question": "\x1b[2Jclear", "answer": "[bold]x[/bold] \x1b]0;t\x07", "calls": [], "note": ""}
    path.write_text(json.dumps({**turn, "is_declined": False, "by": "router"}) + "\n")
    ended = kilosmith("chat", "example", *runs_of(example_copy), cwd=example_copy.folder, stdin="/history\n")
    assert "[bold]x[/bold]" in ended.stdout
    assert "\x1b" not in ended.stdout


# --- in a terminal -------------------------------------------------------------------------------------------------


PROMPT = "\x1b[?2004h"  # the line editor is ready: bracketed paste is on


class Terminal:
    """A pseudo-terminal with `kilosmith chat` in it."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.descriptor, self.process, self.seen = descriptor, process, ""

    def expect(self, words: str) -> None:
        """Read until the words have appeared since the last call."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.seen:
            assert time.monotonic() < deadline, f"{words!r} did not come; seen: {self.seen[-2000:]!r}"
            if select.select([self.descriptor], [], [], 0.1)[0]:
                self.seen += os.read(self.descriptor, 65536).decode("utf-8", "replace")
        self.seen = self.seen.split(words, 1)[1]

    def has(self, words: str) -> bool:
        """Whether the words have appeared by now since the last `expect`."""
        while select.select([self.descriptor], [], [], 0)[0]:
            self.seen += os.read(self.descriptor, 65536).decode("utf-8", "replace")
        return words in self.seen

    def type(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())


@contextmanager
def chat_in_terminal(store: RunStore, *arguments: str) -> Iterator[Terminal]:
    """`kilosmith chat example` under a pseudo-terminal of 100 columns."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "agent", "chat", "example", *runs_of(store), *arguments]
    env = environment() | {"TERM": "xterm", "COLUMNS": "100", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=env, cwd=store.folder, start_new_session=True
    )
    os.close(follower)
    try:
        yield Terminal(leader, process)
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_a_terminal_has_history_and_ctrl_c_drops_only_the_line(example_copy: RunStore) -> None:
    with chat_in_terminal(example_copy) as terminal:
        terminal.expect("/help lists what you can ask")
        terminal.expect(PROMPT)
        terminal.type("which constraint is tightest?\r")
        terminal.expect("[from the tool tell_limits: c011]")
        terminal.expect(PROMPT)
        terminal.type("half a question\x03")
        terminal.expect(PROMPT)
        while not terminal.has("which constraint is tightest?"):  # the editor loads its history after the prompt
            terminal.type("\x1b[A")  # up: the last question again
            time.sleep(0.2)
        terminal.expect("which constraint is tightest?")
        terminal.type("\r")
        terminal.expect("[from the tool tell_limits: c011]")
        terminal.type("weather in caf\u00e9 \u4e2d\u6587?\r")
        terminal.expect("I cannot answer that")
        terminal.type("/quit\r")
        assert terminal.process.wait(timeout=PATIENCE) == 0
    assert [turn["question"] for turn in example_copy.load_conversation()] == [
        *["which constraint is tightest?"] * 2,
        "weather in caf\u00e9 \u4e2d\u6587?",
    ]


def test_ctrl_c_ends_an_answer_and_not_the_conversation(example_copy: RunStore) -> None:
    with OpenAIServer(stall()) as server:
        by = ("--llm", "openai:test", "--llm-url", server.url)
        with chat_in_terminal(example_copy, *by) as terminal:
            terminal.expect(PROMPT)
            terminal.type("why c011\r")
            while not server.requests:
                time.sleep(0.05)
            os.killpg(terminal.process.pid, signal.SIGINT)
            terminal.expect("interrupted; nothing of this question was kept")
            terminal.expect(PROMPT)
            terminal.type("\x04")
            assert terminal.process.wait(timeout=PATIENCE) == 0
    assert example_copy.load_conversation() == []


def test_a_training_that_was_interrupted_can_be_asked_for_again(example_copy: RunStore) -> None:
    path = example_copy.folder / "config.json"
    config = json.loads(path.read_text())
    config["config"]["data"]["train_limit"] = 200
    path.write_text(json.dumps(config))
    with chat_in_terminal(example_copy) as terminal:
        terminal.expect(PROMPT)
        terminal.type("train c004 with kernel 3 in stage 1\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        maps = Path(f"/proc/{terminal.process.pid}/maps")
        while "libtorch" not in maps.read_text():
            time.sleep(0.01)
        os.killpg(terminal.process.pid, signal.SIGINT)  # while torch is being loaded
        terminal.expect("interrupted; nothing of this question was kept")
        terminal.expect(PROMPT)
        terminal.type("train c004 with kernel 3 in stage 1\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        terminal.expect("Trained as w001")
        terminal.type("/quit\r")
        assert terminal.process.wait(timeout=PATIENCE) == 0
    assert len(example_copy.load_conversation()) == len(example_copy.load_what_ifs()) == 1


def test_a_terminal_asks_before_it_trains(example_copy: RunStore) -> None:
    with chat_in_terminal(example_copy) as terminal:
        terminal.expect(PROMPT)
        terminal.type("train c004 with kernel 3 in stage 1\r")
        terminal.expect("Train c004 with stage 1 kernel_size 5 -> 3 for 5 epochs")
        terminal.expect("[y/N]")
        terminal.type("n\r")
        terminal.expect("Nothing was trained")
        terminal.type("/quit\r")
        assert terminal.process.wait(timeout=PATIENCE) == 0
    assert example_copy.load_what_ifs() == []
