"""From events to lines of a transcript; the live view, `replay` and the saved transcript all render a run this way."""

from __future__ import annotations

import functools

from rich.console import RenderableType
from rich.text import Text

from agent.transcript.hanging_text import HangingText
from agent.transcript.node_lines import NODES
from agent.transcript.tables import build_delivery_table, build_front_table
from agent.transcript.tool_requests import describe_call
from nas.events import Event
from nas.explanation.checking import describe_claim
from nas.explanation.explanation import describe_checks
from nas.plain_text import plain
from nas.quantities import KIB, format_violation
from nas.records.explained import Explained
from nas.records.outcomes import read_outcomes
from nas.records.run_events import (
    CallsIgnored,
    DriveChosen,
    LlmAnswered,
    LlmFailed,
    NodeFinished,
    RecordsMended,
    RunFinished,
    RunForked,
    RunStarted,
    ToolAnswered,
    ToolUnknown,
    TrackingFailed,
    Usage,
)
from nas.search.search_events import FrontChanged, ProposalJudged

_INDENT = 12  # of what follows a label


class Narrator:
    """Narrates a run event by event."""

    def tell(self, event: Event) -> list[RenderableType]:
        """The lines an event is worth, often none."""
        return [_hang(line) for line in _describe(event)]


@functools.singledispatch
def _describe(event: Event) -> list[RenderableType]:  # noqa: ARG001  # of this kind nothing is told
    return []


@_describe.register
def _(event: RunStarted) -> list[RenderableType]:
    budget = event.budget
    height, width, channels = event.input
    verb = "resumes" if event.resumed else "starts"
    head = Text.assemble(("kilosmith", "bold"), f" {verb} run ", (event.run, "bold"))
    task = f"{plain(event.data)} at {height}x{width}x{channels}, {event.num_classes} classes"
    limits = (
        f"MACs {budget.macs_min / 1e6:g}-{budget.macs_max / 1e6:g} M, "
        f"peak SRAM {budget.peak_sram_bytes / KIB:g} KiB, flash {budget.flash_bytes / KIB:g} KiB"
    )
    extent = f"up to {event.max_proposals} proposals or {event.max_trials} trained candidates"
    return [
        head,
        Text(f"  task      {task}"),
        *(Text(f"  data      {plain(remark)}", "yellow") for remark in event.data_remarks),
        Text(f"  board     {event.board}: {limits}"),
        Text(f"  search    {plain(event.llm)} designs, seed {event.seed}, {extent}"),
        Text(""),
    ]


@_describe.register
def _(event: RunForked) -> list[RenderableType]:
    return [Text(f"  forked    from step {event.step} of run {plain(event.run)}"), Text("")]


@_describe.register
def _(event: RecordsMended) -> list[RenderableType]:
    files = ", ".join(map(plain, event.files))
    return [Text.assemble("  mended    ", (f"the last line of {files}, torn by a crash, was cut off", "yellow"))]


@_describe.register
def _(event: TrackingFailed) -> list[RenderableType]:
    return [Text.assemble("  tracking  ", (f"given up: {plain(event.error)}", "yellow"))]


@_describe.register
def _(event: DriveChosen) -> list[RenderableType]:
    reasons = {
        "setting": "as design.drive says",
        "kind": "as is known of this designer",
        "check": f"{event.num_right} of {event.num_asked} check questions answered before a mistake",
    }
    return [Text(f"  drive     {event.drive}: {reasons[event.by]}"), Text("")]


@_describe.register
def _(event: LlmAnswered) -> list[RenderableType]:
    lines: list[RenderableType] = [
        Text.assemble("  server    ", (plain(attempt)[:200], "yellow"))
        for attempt in event.metadata.get("failed_attempts", ())
    ]
    effort = f"{event.seconds:.1f} s"
    if "model_calls" in event.metadata:
        effort += f", {event.metadata['model_calls']} model calls"
    for unusable in event.invalid_tool_calls:
        lines.append(Text.assemble("  designer  ", ("unreadable call: ", "red"), plain(unusable)[:160]))
    for call in event.tool_calls:
        lines.append(Text.assemble("  designer  ", describe_call(call)))
    if not event.tool_calls:
        said = plain(event.metadata.get("refusal") or event.content)[:160] or "(nothing)"
        lines.append(Text.assemble("  designer  ", ("no tool call: ", "red"), said))
    lines[-1] = Text.assemble(lines[-1], (f"  ({effort})", "dim"))  # type: ignore[arg-type]
    return lines


@_describe.register
def _(event: LlmFailed) -> list[RenderableType]:
    return [Text.assemble("  designer  ", ("failed: ", "bold red"), plain(event.error))]


@_describe.register
def _(event: ToolUnknown) -> list[RenderableType]:
    return [Text.assemble("  refused   ", (f"there is no tool {plain(event.tool)[:80]}", "yellow"))]


@_describe.register
def _(event: CallsIgnored) -> list[RenderableType]:
    ignored = plain(", ".join(event.tools))[:160]
    return [Text.assemble("  refused   ", (f"one call was asked for; left out: {ignored}", "yellow"))]


@_describe.register
def _(event: ToolAnswered) -> list[RenderableType]:
    if event.tool != "mini_train" or (event.artifact or {}).get("state") is None:
        return []
    return [Text.assemble("  trained   ", (plain(event.text), "bold"), (f"  ({event.seconds:.1f} s)", "dim"))]


@_describe.register
def _(event: ProposalJudged) -> list[RenderableType]:
    if event.state == "proposed":
        costs = f"{(event.macs or 0) / 1e6:.2f} M MACs, {event.params:,} parameters, "
        costs += f"{(event.arena_bytes or 0) / KIB:.1f} KiB SRAM"
        return [Text.assemble("  screened  ", (f"{event.candidate} legal", "green"), f": {costs}")]
    violations = [format_violation(broken) for broken in event.violations]
    reason = "; ".join(violations) if violations else event.reason
    return [Text.assemble("  screened  ", (f"{event.candidate} {event.state}: {plain(reason)[:400]}", "yellow"))]


@_describe.register
def _(event: Explained) -> list[RenderableType]:
    explanation = event.explanation
    lines: list[RenderableType] = []
    for claim in explanation.checked:
        style = {"true": "green", "corrected": "yellow", "dropped": "red"}[claim.verdict]
        told = claim.note if claim.verdict == "dropped" else describe_claim(claim)
        lines.append(Text.assemble("  explains  ", (claim.verdict, style), f" {plain(told)}"))
    lines += [Text(f"  explains  {plain(claim.sentence)}") for claim in explanation.selected]
    return [*lines, Text(f"  checked   {plain(describe_checks(explanation))}", style="dim")]


@_describe.register
def _(event: FrontChanged) -> list[RenderableType]:
    members = ", ".join(member.id for member in event.front)
    more = event.size - len(event.front)
    rest = f" and {more} more" if more > 0 else ""
    return [Text(f"  front     {members}{rest} (hypervolume {event.hypervolume:.4f})"), Text("")]


@_describe.register
def _(event: NodeFinished) -> list[RenderableType]:
    describe = NODES.get(event.node)
    return list(describe(event.update, event.seconds)) if describe else []


@_describe.register
def _(event: RunFinished) -> list[RenderableType]:
    counts = ", ".join(f"{count} {state}" for state, count in event.counts.items())
    lines: list[RenderableType] = [
        Text(""),
        build_front_table(event.front),
        Text(f"proposals: {counts}; hypervolume {event.hypervolume:.4f}"),
        Text(f"chat model: {_describe_usage(event.llm)}"),
    ]
    for candidate, outcome in read_outcomes(event.deliveries).items():
        lines += [Text(""), build_delivery_table(candidate, outcome)]
        lines.append(Text.assemble("delivered to ", (f"{event.folder}/delivery/{candidate}", "bold")))
    return lines


def _hang(line: RenderableType) -> RenderableType:
    return HangingText(line, _INDENT) if isinstance(line, Text) and line.plain.startswith("  ") else line


def _describe_usage(llm: Usage) -> str:
    tokens = f", {llm.input_tokens:,} tokens read, {llm.output_tokens:,} written" if llm.input_tokens else ""
    return f"{llm.answers} answers{tokens}, {llm.seconds:.0f} s"
