"""A run whose chat model is behind a server: one that never answers, one that comes back, one that is unavailable."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from command_line import FAST, PATIENCE, kilosmith, start_kilosmith
from openai_server import Behaviour, OpenAIServer, Request, calls, refusal, stall, status, text
from search_examples import make_stages

from graphs.design.examination import QUESTIONS, Question

KEY = "sk-quite-secret-7"
IMPATIENT = (
    *("--set", "llm.timeout_seconds=1", "--set", "llm.max_failures=2"),
    *("--set", "design.drive=guided", "--set", "design.max_trials=1"),
)


def design(request: Request) -> Behaviour:
    """One legal design, through the only tool offered."""
    assert [tool["function"]["name"] for tool in request["tools"]] == ["propose_architecture"]
    return calls(("propose_architecture", {"stages": make_stages()}))


@pytest.mark.usefixtures("_made_up_training")
def test_a_server_that_never_answers_ends_the_run_and_a_resume_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIServer(stall()) as server:
        run = ("run", "--llm", "openai:test", "--llm-url", server.url, "--name", "one", "--quiet", *FAST, *IMPATIENT)
        ended = kilosmith(*run, cwd=tmp_path)
        assert ended.returncode == 4
        assert ended.stderr.splitlines() == [
            f"kilosmith: 2 requests in a row to {server.url} failed (timed out after 1 s x2): "
            "check the server or raise llm.timeout_seconds, then resume"
        ]
        assert len(server.requests) == 2

        server.play(status(503), design)
        resumed = kilosmith("resume", "one", "--json", cwd=tmp_path)
        assert resumed.returncode == 0, resumed.stderr
        document = json.loads(resumed.stdout)
        assert document["counts"] == {"trained": 1}
        assert document["winners"] == ["c001"]
    assert json.loads((tmp_path / "runs" / "one" / "config.json").read_text())["config"]["llm"]["url"] == server.url


def test_an_interruption_does_not_wait_for_the_server(tmp_path: Path) -> None:
    with OpenAIServer(stall()) as server:
        run = ("run", "--llm", "openai:test", "--llm-url", server.url, "--name", "one", "--quiet", *FAST)
        patient = ("--set", "llm.timeout_seconds=3600", "--set", "design.drive=guided")
        with start_kilosmith(*run, *patient, cwd=tmp_path) as process:
            while not server.requests:
                assert process.poll() is None
                time.sleep(0.05)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE)  # the server never answers
        assert process.returncode == 130
        assert errors.splitlines() == ["kilosmith: interrupted"]


def test_a_wrong_address_or_a_missing_key_is_reported_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for arguments, words in ((["--llm-url", "localhost:8000"], "llm.url must be"), ([], "needs OPENAI_API_KEY")):
        ended = kilosmith("run", "--llm", "openai:test", *arguments, "--quiet", *FAST, cwd=tmp_path)
        assert ended.returncode == 2
        (line,) = ended.stderr.splitlines()
        assert words in line
    assert not (tmp_path / "runs").exists()


def is_check(request: Request) -> Question | None:
    """The check question that a request asks, if any."""
    asked = request["messages"][-1]["content"]
    return next((question for question in QUESTIONS if question.text == asked), None)


class FreeDesigner:
    """A capable model that also makes every possible mistake: it passes the check, then plays its turns."""

    def __init__(self) -> None:
        self.turns: list[Behaviour] = [
            refusal("I would rather not."),
            text(""),
            calls(("rm", {"path": "/"})),
            calls(("propose_architecture", '{"stages": [{"block": "MBC')),
            calls(("propose_architecture", {"stages": make_stages({"kernel_size": 4})})),
            calls(
                ("propose_architecture", {"stages": make_stages()}),
                ("propose_architecture", {"stages": make_stages({"kernel_size": 5})}),
                ("estimate_macs", {"candidate_id": "c404"}),
            ),
            calls(("estimate_peak_sram", {"candidate_id": "c002"}), ("pareto_status", {})),
            calls(("mini_train", {"candidate_id": "c003"})),
        ]

    def __call__(self, request: Request) -> Behaviour:
        if question := is_check(request):
            return calls((question.tool, question.arguments))
        return self.turns.pop(0) if self.turns else explain(request)


def explain(request: Request) -> Behaviour:
    """Why c003: one claim that holds, one that does not."""
    assert [tool["function"]["name"] for tool in request["tools"]] == ["state_claims"]
    claims = [
        {"subject": "c003 stage 1", "field": "kernel_size", "value": 5, "reason": "a larger view of the image"},
        {"subject": "c003", "field": "macs", "value": 123, "reason": "it is small"},
    ]
    return calls(("state_claims", {"claims": claims}))


def test_a_capable_model_chooses_its_tools_and_none_of_its_mistakes_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with OpenAIServer(FreeDesigner()) as server:
        arguments = ("run", "--llm", "openai:test", "--llm-url", server.url, "--name", "one", "--json")
        ended = kilosmith(*arguments, *FAST, "--set", "design.max_trials=1", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        asked = server.requests
        assert set(server.authorizations) == {f"Bearer {KEY}"}
    files = [path for path in (tmp_path / "runs" / "one").rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)
    document = json.loads(ended.stdout)
    assert document["counts"] == {"invalid": 1, "untrained": 1, "trained": 1}
    assert document["winners"] == ["c003"]
    assert document["llm"] == {**document["llm"], "answers": 13, "input_tokens": 1300, "output_tokens": 260}
    assert all(request["tool_choice"] == "auto" and len(request["tools"]) == 7 for request in asked[:-1])
    assert asked[-1]["tool_choice"] == "required"
    told = (tmp_path / "runs" / "one" / "delivery" / "c003" / "EXPLANATION.md").read_text()
    assert "openai:test made 2 claims" in told
    assert "1 hold, 1 were corrected" in told
    assert "a larger view of the image" in told
    assert "it is small" not in told
    for words in ("drive     autonomous: 4 of 4", "I would rather not", "there is no tool rm", "unreadable call",
                  "c001 invalid: stage 1: kernel_size must be", "c002 legal", "c003 legal"):  # fmt: skip
        assert words in ended.stderr, ended.stderr
    lines = (tmp_path / "runs" / "one" / "trace.jsonl").read_text().splitlines()
    trace = [json.loads(line) for line in lines]
    kinds = [record["kind"] for record in trace]
    assert kinds.count("llm_requested") == kinds.count("llm_answered") == 13
    told = [m["content"] for r in trace if r["kind"] == "llm_requested" for m in r["data"]["messages"]]
    for words in (
        "held no tool call",
        "could not be read",
        "there is no tool 'rm'",
        "must name a known candidate; got 'c404'",
    ):
        assert any(words in text for text in told)


@pytest.mark.usefixtures("_made_up_training")
def test_a_model_that_fails_the_check_is_guided(tmp_path: Path) -> None:
    def answer_text_to_the_check(request: Request) -> Behaviour:
        if is_check(request):
            return text("c007 needs many.")
        if request["tools"][0]["function"]["name"] == "select_claims":
            return calls(("select_claims", {"claims": [{"claim": "k2"}, {"claim": "k1"}]}))
        return design(request)

    with OpenAIServer(answer_text_to_the_check) as server:
        arguments = ("run", "--llm", "openai:test", "--llm-url", server.url, "--name", "one", "--json")
        ended = kilosmith(*arguments, *FAST, "--set", "design.max_trials=1", cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "guided: 0 of 4 check questions" in ended.stderr
        assert [request["tool_choice"] for request in server.requests] == ["auto", "required", "required"]
    told = (tmp_path / "runs" / "one" / "delivery" / "c001" / "EXPLANATION.md").read_text()
    assert "openai:test chose and ordered 2 of" in told
