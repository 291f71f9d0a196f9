from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from agent.display import Display
from agent.narration import Narrator
from agent.sanitize import plain
from nas.events import Event


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


def test_a_rejection_names_the_candidate_and_every_broken_limit() -> None:
    sram = {"constraint": "peak_sram", "value": 81920, "limit": 49152, "unit": "bytes"}
    macs = {"constraint": "macs", "value": 100_000, "limit": 500_000, "unit": "MACs"}
    text = tell(
        answer(calls=[{"name": "propose_architecture", "args": {"stages": []}}]),
        Event("tool_answered", _tool("propose_architecture", {"candidate": "c004"})),
        Event("tool_answered", _tool("estimate_macs", {"macs": 100_000, "params": 9, "violations": [macs]})),
        Event("tool_answered", _tool("estimate_peak_sram", {"peak_sram_bytes": 81920, "violations": [sram]})),
        _finished("screen", {"candidate": None, "rejections": ["c004 (rejected): long reason"]}),
    )
    assert "c004 rejected: macs 0.10 M < 0.5 M; peak_sram 80.0 KiB > 48 KiB" in text


def test_the_next_proposal_does_not_inherit_the_last_ones_violations() -> None:
    sram = {"constraint": "peak_sram", "value": 81920, "limit": 49152, "unit": "bytes"}
    text = tell(
        Event("tool_answered", _tool("estimate_peak_sram", {"peak_sram_bytes": 81920, "violations": [sram]})),
        answer("nothing useful"),
        _finished("screen", {"candidate": None, "rejections": ["c005 (invalid): the answer held no call"]}),
    )
    assert "peak_sram" not in text
    assert "held no call" in text


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
    assert plain("a\r\nb\tc\x00\x1b[1m") == "a b c[1m"


def _tool(name: str, artifact: dict[str, Any]) -> dict[str, Any]:
    return {"tool": name, "text": "", "artifact": artifact, "seconds": 0.0}


def _finished(node: str, update: dict[str, Any]) -> Event:
    return Event("node_finished", {"graph": "design", "node": node, "update": update, "seconds": 0.0})
