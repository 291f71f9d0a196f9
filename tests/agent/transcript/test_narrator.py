from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from agent.terminal.live_display import Display
from agent.transcript.narrator import Narrator
from nas.events import Event
from nas.plain_text import plain


def tell(*events: Event) -> str:
    console = Console(file=io.StringIO(), width=200)
    narrator = Narrator()
    for event in events:
        for line in narrator.tell(event):
            console.print(line, highlight=False)
    output: Any = console.file
    return str(output.getvalue())


def answer(content: str = "", calls: list[dict[str, Any]] | None = None) -> Event:
    return Event("llm_answered", {"content": content, "tool_calls": calls or [], "metadata": {}, "seconds": 1.0})


def test_escapes_and_markup_a_language_model_wrote_are_harmless() -> None:
    text = tell(answer("\x1b[2J\x1b]0;owned\x07[bold red]hi[/bold red]\u202e"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[bold red]hi[/bold red]" in text


def judged(state: str, *, reason: str = "", violations: list[dict[str, Any]] | None = None) -> Event:
    figures = {"macs": 100_000, "params": 9, "arena_bytes": 81920, "flash_bytes": 200_000}
    verdict = {"candidate": "c004", "state": state, "reason": reason, "violations": violations or []}
    return Event("judged", verdict | figures)


def test_a_rejection_names_the_candidate_and_every_broken_limit() -> None:
    sram = {"constraint": "peak_sram", "value": 81920, "limit": 49152, "unit": "bytes"}
    macs = {"constraint": "macs", "value": 100_000, "limit": 500_000, "unit": "MACs"}
    text = tell(judged("rejected", reason="long reason", violations=[macs, sram]))
    assert "c004 rejected: MACs 0.10 M < 0.5 M; peak SRAM 80.0 KiB > 48 KiB" in text


def test_a_legal_candidate_is_told_with_its_costs_and_a_refused_one_with_its_reason() -> None:
    assert "c004 legal: 0.10 M MACs, 9 parameters, 80.0 KiB SRAM" in tell(judged("proposed"))
    assert "c004 invalid: the answer held no call" in tell(judged("invalid", reason="the answer held no call"))


def test_every_call_of_an_answer_is_told_and_what_could_not_be_read() -> None:
    event = answer(calls=[{"name": "explain", "args": {"candidate_id": "c001"}}, {"name": "pareto_status", "args": {}}])
    event.data["invalid_tool_calls"] = ["{'args': '{half'}"]
    event.data["metadata"] = {"failed_attempts": ["HTTP 500"]}
    text = tell(event)
    for part in ("HTTP 500", "unreadable call: {'args': '{half'}", "explain", "pareto_status"):
        assert part in text


def test_how_the_designer_is_driven_is_told_with_its_reason() -> None:
    found = {"drive": "guided", "by": "check", "num_right": 1, "num_asked": 4}
    assert "guided: 1 of 4 check questions answered before a mistake" in tell(Event("drive_chosen", found))


def test_odd_arguments_of_a_tool_call_are_shown_not_trusted() -> None:
    for arguments in ({"stages": 3}, {"stages": [None]}, {"edits": "all"}, {}):
        assert "designer" in tell(answer(calls=[{"name": "edit_architecture", "args": arguments}]))


def test_without_a_terminal_the_display_prints_lines_and_quiet_prints_nothing() -> None:
    for quiet in (False, True):
        stream = io.StringIO()
        with Display(Console(file=stream, width=100), quiet=quiet) as display:
            display.show(answer("text"))
            display.show(Event("progress", {"phase": "chat model", "step": "fetching weights"}, transient=True))
        assert bool(stream.getvalue()) is not quiet
        assert "\x1b" not in stream.getvalue()


def test_a_terminal_sees_progress_with_time_left() -> None:
    stream = io.StringIO()
    epoch = {"phase": "mini", "candidate": "c001", "epochs": 4, "loss": 1.0, "validation_accuracy": 0.5}
    with Display(Console(file=stream, width=100, force_terminal=True), quiet=False) as display:
        for number in (1, 2):
            display.show(Event("progress", epoch | {"epoch": number}, transient=True))
    assert "epoch 2/4" in stream.getvalue()
    assert "s left" in stream.getvalue()


def test_plain_text_is_one_line_without_control_characters() -> None:
    assert plain("a\r\nb\tc\x00\x1b[1m") == "a b c"


def test_calls_are_told_in_words() -> None:
    chosen = {"name": "select_claims", "args": {"claims": [{"claim": "k19"}, {"claim": "k9"}]}}
    stated = {"name": "state_claims", "args": {"claims": [{"subject": "c001"}]}}
    asked = {"name": "mini_train", "args": {"candidate_id": "c001"}}
    text = tell(answer(calls=[chosen, stated, asked, {"name": "pareto_status", "args": {}}]))
    parts = (
        "chooses statements k19, k9",
        "makes 1 claim",
        "calls mini_train: candidate_id c001",
        "calls pareto_status",
    )
    for part in parts:
        assert part in text
    assert "{" not in text


def test_in_a_narrow_terminal_what_a_label_says_stays_in_its_column() -> None:
    console = Console(file=io.StringIO(), width=40)
    said = answer(calls=[{"name": "explain", "args": {"candidate_id": "c001", "note": "words " * 20}}])
    for line in Narrator().tell(said):
        console.print(line, highlight=False)
    output: Any = console.file
    first, *others = output.getvalue().splitlines()
    assert first.startswith("  designer  calls explain")
    assert len(others) > 2
    assert all(line[:12] == " " * 12 and line[12] != " " and len(line) <= 40 for line in others)
