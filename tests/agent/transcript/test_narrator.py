from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

from rich.console import Console

from agent.terminal.live_display import Display
from agent.transcript.narrator import Narrator
from nas.events import Event, Progress
from nas.plain_text import plain
from nas.records.run_events import DriveChosen, LlmAnswered, ToolRequest
from nas.search.search_events import BrokenLimit, ProposalJudged
from nas.search.trial import TrialState
from nas.training import EpochResult
from nas.training.phase_events import EpochFinished


def tell(*events: Event) -> str:
    console = Console(file=io.StringIO(), width=200)
    narrator = Narrator()
    for event in events:
        for line in narrator.tell(event):
            console.print(line, highlight=False)
    output: Any = console.file
    return str(output.getvalue())


def answer(content: str = "", *calls: ToolRequest) -> LlmAnswered:
    return LlmAnswered(content=content, tool_calls=calls, usage=None, seconds=1.0)


def test_escapes_and_markup_a_language_model_wrote_are_harmless() -> None:
    text = tell(answer("\x1b[2J\x1b]0;owned\x07[bold red]hi[/bold red]\u202e"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[bold red]hi[/bold red]" in text


def judged(state: TrialState, *violations: BrokenLimit, reason: str = "") -> ProposalJudged:
    return ProposalJudged("c004", state, reason, violations, 100_000, 9, 81920, 200_000)


def test_a_rejection_names_the_candidate_and_every_broken_limit() -> None:
    sram = BrokenLimit("peak_sram", 81920, 49152, "bytes")
    macs = BrokenLimit("macs", 100_000, 500_000, "MACs")
    text = tell(judged("rejected", macs, sram, reason="long reason"))
    assert "c004 rejected: MACs 0.10 M < 0.5 M; peak SRAM 80.0 KiB > 48 KiB" in text


def test_a_legal_candidate_is_told_with_its_costs_and_a_refused_one_with_its_reason() -> None:
    assert "c004 legal: 0.10 M MACs, 9 parameters, 80.0 KiB SRAM" in tell(judged("proposed"))
    assert "c004 invalid: the answer held no call" in tell(judged("invalid", reason="the answer held no call"))


def test_every_call_of_an_answer_is_told_and_what_could_not_be_read() -> None:
    said = answer("", ToolRequest("explain", {"candidate_id": "c001"}), ToolRequest("pareto_status", {}))
    unreadable, metadata = ("{'args': '{half'}",), {"failed_attempts": ["HTTP 500"]}
    text = tell(replace(said, invalid_tool_calls=unreadable, metadata=metadata))
    for part in ("HTTP 500", "unreadable call: {'args': '{half'}", "explain", "pareto_status"):
        assert part in text


def test_how_the_designer_is_driven_is_told_with_its_reason() -> None:
    found = DriveChosen("guided", "check", num_right=1, num_asked=4)
    assert "guided: 1 of 4 check questions answered before a mistake" in tell(found)


def test_odd_arguments_of_a_tool_call_are_shown_but_not_trusted() -> None:
    odd: tuple[dict[str, Any], ...] = ({"stages": 3}, {"stages": [None]}, {"edits": "all"}, {})
    for arguments in odd:
        assert "designer" in tell(answer("", ToolRequest("edit_architecture", arguments)))


def test_without_a_terminal_the_display_prints_lines_and_quiet_prints_nothing() -> None:
    for quiet in (False, True):
        stream = io.StringIO()
        with Display(Console(file=stream, width=100), quiet=quiet) as display:
            display.show(answer("text"))
            display.show(Progress("chat model", "fetching weights"))
        assert bool(stream.getvalue()) is not quiet
        assert "\x1b" not in stream.getvalue()


def test_a_terminal_sees_progress_with_time_left() -> None:
    stream = io.StringIO()
    with Display(Console(file=stream, width=100, force_terminal=True), quiet=False) as display:
        for number in (1, 2):
            display.show(EpochFinished("mini", "c001", EpochResult(number, 4, 1.0, 0.1, 0.5, 1.0)))
    assert "epoch 2/4" in stream.getvalue()
    assert "s left" in stream.getvalue()


def test_plain_text_is_one_line_without_control_characters() -> None:
    assert plain("a\r\nb\tc\x00\x1b[1m") == "a b c"


def test_calls_are_described_in_words() -> None:
    chosen = ToolRequest("select_claims", {"claims": [{"claim": "k19"}, {"claim": "k9"}]})
    stated = ToolRequest("state_claims", {"claims": [{"subject": "c001"}]})
    asked = ToolRequest("mini_train", {"candidate_id": "c001"})
    text = tell(answer("", chosen, stated, asked, ToolRequest("pareto_status", {})))
    parts = (
        "chooses statements k19, k9",
        "makes 1 claim",
        "calls mini_train: candidate_id c001",
        "calls pareto_status",
    )
    for part in parts:
        assert part in text
    assert "{" not in text


def test_in_a_narrow_terminal_text_stays_in_its_column() -> None:
    console = Console(file=io.StringIO(), width=40)
    said = answer("", ToolRequest("explain", {"candidate_id": "c001", "note": "words " * 20}))
    for line in Narrator().tell(said):
        console.print(line, highlight=False)
    output: Any = console.file
    first, *others = output.getvalue().splitlines()
    assert first.startswith("  designer  calls explain")
    assert len(others) > 2
    assert all(line[:12] == " " * 12 and line[12] != " " and len(line) <= 40 for line in others)
