"""From events to lines of a transcript; the live view, `replay` and the saved transcript all tell a run this way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agent.transcript.hanging_text import HangingText
from nas.cost import BrokenLimit
from nas.events import Event
from nas.explanation.explanation import read_explanation
from nas.export.metrics import DeliveryMetrics
from nas.plain_text import plain
from nas.quantities import KIB, format_accuracy, format_phase, format_violation
from nas.records.outcomes import CandidateOutcome, read_outcomes
from nas.search.pareto import FrontMember
from nas.training import TrainedPhase

_INDENT = 12  # of what follows a label


class Narrator:
    """Tells a run event by event."""

    def tell(self, event: Event) -> list[RenderableType]:
        """The lines an event is worth, often none."""
        teller = getattr(self, f"_tell_{event.kind}", None)
        return [_hang(line) for line in teller(event.data)] if teller else []

    def _tell_run_started(self, data: Mapping[str, Any]) -> list[RenderableType]:
        budget = data["budget"]
        height, width, channels = data["input"]
        verb = "resumes" if data["resumed"] else "starts"
        head = Text.assemble(("kilosmith", "bold"), f" {verb} run ", (data["run"], "bold"))
        task = f"{plain(data['data'])} at {height}x{width}x{channels}, {data['num_classes']} classes"
        limits = (
            f"MACs {budget['macs_min'] / 1e6:g}-{budget['macs_max'] / 1e6:g} M, "
            f"peak SRAM {budget['peak_sram_bytes'] / KIB:g} KiB, flash {budget['flash_bytes'] / KIB:g} KiB"
        )
        extent = f"up to {data['max_proposals']} proposals or {data['max_trials']} trained candidates"
        return [
            head,
            Text(f"  task      {task}"),
            *(Text(f"  data      {plain(remark)}", "yellow") for remark in data.get("data_remarks", ())),
            Text(f"  board     {data['board']}: {limits}"),
            Text(f"  search    {plain(data['llm'])} designs, seed {data['seed']}, {extent}"),
            Text(""),
        ]

    def _tell_run_forked(self, data: Mapping[str, Any]) -> list[RenderableType]:
        return [Text(f"  forked    from step {data['step']} of run {plain(data['run'])}"), Text("")]

    def _tell_records_mended(self, data: Mapping[str, Any]) -> list[RenderableType]:
        files = ", ".join(map(plain, data["files"]))
        return [Text.assemble("  mended    ", (f"the last line of {files}, torn by a crash, was cut off", "yellow"))]

    def _tell_tracking_failed(self, data: Mapping[str, Any]) -> list[RenderableType]:
        return [Text.assemble("  tracking  ", (f"given up: {plain(data['error'])}", "yellow"))]

    def _tell_drive_chosen(self, data: Mapping[str, Any]) -> list[RenderableType]:
        reasons = {
            "setting": "as design.drive says",
            "kind": "as is known of this designer",
            "check": f"{data.get('num_right')} of {data.get('num_asked')} check questions answered before a mistake",
        }
        return [Text(f"  drive     {data['drive']}: {reasons[data['by']]}"), Text("")]

    def _tell_llm_answered(self, data: Mapping[str, Any]) -> list[RenderableType]:
        metadata = data.get("metadata") or {}
        lines: list[RenderableType] = [
            Text.assemble("  server    ", (plain(attempt)[:200], "yellow"))
            for attempt in metadata.get("failed_attempts", ())
        ]
        effort = f"{data['seconds']:.1f} s"
        if "model_calls" in metadata:
            effort += f", {metadata['model_calls']} model calls"
        for unusable in data.get("invalid_tool_calls", ()):
            lines.append(Text.assemble("  designer  ", ("unreadable call: ", "red"), plain(unusable)[:160]))
        for call in data["tool_calls"]:
            lines.append(Text.assemble("  designer  ", _describe_call(call)))
        if not data["tool_calls"]:
            said = plain(metadata.get("refusal") or data["content"])[:160] or "(nothing)"
            lines.append(Text.assemble("  designer  ", ("no tool call: ", "red"), said))
        lines[-1] = Text.assemble(lines[-1], (f"  ({effort})", "dim"))  # type: ignore[arg-type]
        return lines

    def _tell_llm_failed(self, data: Mapping[str, Any]) -> list[RenderableType]:
        return [Text.assemble("  designer  ", ("failed: ", "bold red"), plain(data["error"]))]

    def _tell_tool_unknown(self, data: Mapping[str, Any]) -> list[RenderableType]:
        return [Text.assemble("  refused   ", (f"there is no tool {plain(data['tool'])[:80]}", "yellow"))]

    def _tell_calls_ignored(self, data: Mapping[str, Any]) -> list[RenderableType]:
        ignored = plain(", ".join(data["tools"]))[:160]
        return [Text.assemble("  refused   ", (f"one call was asked for; left out: {ignored}", "yellow"))]

    def _tell_tool_answered(self, data: Mapping[str, Any]) -> list[RenderableType]:
        if data["tool"] != "mini_train" or (data["artifact"] or {}).get("state") is None:
            return []
        return [Text.assemble("  trained   ", (plain(data["text"]), "bold"), (f"  ({data['seconds']:.1f} s)", "dim"))]

    def _tell_judged(self, data: Mapping[str, Any]) -> list[RenderableType]:
        if data["state"] == "proposed":
            costs = f"{data['macs'] / 1e6:.2f} M MACs, {data['params']:,} parameters, "
            costs += f"{data['arena_bytes'] / KIB:.1f} KiB SRAM"
            return [Text.assemble("  screened  ", (f"{data['candidate']} legal", "green"), f": {costs}")]
        violations = [format_violation(BrokenLimit(**violation)) for violation in data["violations"]]
        reason = "; ".join(violations) if violations else data["reason"]
        return [
            Text.assemble("  screened  ", (f"{data['candidate']} {data['state']}: {plain(reason)[:400]}", "yellow"))
        ]

    def _tell_explained(self, data: Mapping[str, Any]) -> list[RenderableType]:
        explanation = read_explanation(data)
        lines: list[RenderableType] = []
        for claim in explanation.checked:
            style = {"true": "green", "corrected": "yellow", "dropped": "red"}[claim.verdict]
            told = claim.note if claim.verdict == "dropped" else claim.sentence()
            lines.append(Text.assemble("  explains  ", (claim.verdict, style), f" {plain(told)}"))
        lines += [Text(f"  explains  {plain(claim.sentence)}") for claim in explanation.selected]
        return [*lines, Text(f"  checked   {plain(explanation.describe_checks())}", style="dim")]

    def _tell_front_changed(self, data: Mapping[str, Any]) -> list[RenderableType]:
        members = ", ".join(member["id"] for member in data["front"])
        more = data["size"] - len(data["front"])
        rest = f" and {more} more" if more > 0 else ""
        return [Text(f"  front     {members}{rest} (hypervolume {data['hypervolume']:.4f})"), Text("")]

    def _tell_node_finished(self, data: Mapping[str, Any]) -> list[RenderableType]:
        teller = getattr(self, f"_tell_{data['node']}", None)
        return list(teller(data["update"], data["seconds"])) if teller else []

    def _tell_select(self, update: Mapping[str, Any], _seconds: float) -> list[RenderableType]:
        return [Text.assemble("  selected  ", (", ".join(update["winners"]), "bold"), " by validation accuracy")]

    def _tell_approve(self, update: Mapping[str, Any], _seconds: float) -> list[RenderableType]:
        approved = ", ".join(update["approved"])
        return [Text(f"  approved  {approved}" if approved else "  approved  nothing: the run ends without a delivery")]

    def _tell_train_fully(self, update: Mapping[str, Any], seconds: float) -> list[RenderableType]:
        return [
            Text(f"  full      {candidate}: {plain(format_phase(found))} validation ({seconds:.0f} s)")
            for candidate, outcome in read_outcomes(update["outcomes"]).items()
            if (found := outcome.full) is not None
        ]

    def _tell_distill(self, update: Mapping[str, Any], seconds: float) -> list[RenderableType]:
        return [
            Text(
                f"  distilled {candidate}: {plain(format_phase(found))} validation, teacher "
                f"{_format_teacher(found)} ({seconds:.0f} s)"
            )
            for candidate, outcome in read_outcomes(update["outcomes"]).items()
            if (found := outcome.distill) is not None
        ]

    def _tell_export(self, update: Mapping[str, Any], seconds: float) -> list[RenderableType]:
        return [
            Text(
                f"  exported  {candidate}: verified in TFLM on {found['metrics']['num_test_images']} test images "
                f"({seconds:.0f} s)"
            )
            for candidate, found in update["outcomes"].items()
        ]

    def _tell_run_finished(self, data: Mapping[str, Any]) -> list[RenderableType]:
        counts = ", ".join(f"{count} {state}" for state, count in data["counts"].items())
        lines: list[RenderableType] = [
            Text(""),
            build_front_table([FrontMember(**member) for member in data["front"]]),
            Text(f"proposals: {counts}; hypervolume {data['hypervolume']:.4f}"),
            Text(f"chat model: {_describe_usage(data['llm'])}"),
        ]
        for candidate, outcome in read_outcomes(data["deliveries"]).items():
            lines += [Text(""), build_delivery_table(candidate, outcome)]
            lines.append(Text.assemble("delivered to ", (f"{data['folder']}/delivery/{candidate}", "bold")))
        return lines


def _hang(line: RenderableType) -> RenderableType:
    return HangingText(line, _INDENT) if isinstance(line, Text) and line.plain.startswith("  ") else line


def _describe_usage(llm: Mapping[str, Any]) -> str:
    tokens = f", {llm['input_tokens']:,} tokens read, {llm['output_tokens']:,} written" if llm["input_tokens"] else ""
    return f"{llm['answers']} answers{tokens}, {llm['seconds']:.0f} s"


def _describe_call(call: Mapping[str, Any]) -> str:
    arguments = call["args"]
    if call["name"] == "edit_architecture" and isinstance(arguments.get("edits"), list):
        edits = [edit for edit in arguments["edits"] if isinstance(edit, dict)]
        phrased = ", ".join(f"stage {edit.get('stage')} {edit.get('field')} = {edit.get('value')}" for edit in edits)
        return plain(f"edits {arguments.get('candidate_id')}: {phrased}")
    stages = arguments.get("stages")
    if isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages):
        return plain("designs " + " | ".join(_describe_stage(stage) for stage in stages))
    if isinstance(claims := arguments.get("claims"), list):
        chosen = [str(claim["claim"]) for claim in claims if isinstance(claim, dict) and "claim" in claim]
        if call["name"] == "select_claims" and chosen:
            return plain(f"chooses statements {', '.join(chosen)}")[:240]
        return f"makes {len(claims)} claim{'s' * (len(claims) != 1)}"
    spelled = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return plain(f"calls {call['name']}: {spelled}" if spelled else f"calls {call['name']}")[:240]


def _describe_stage(stage: Mapping[str, Any]) -> str:
    kind = "MB" if stage.get("block") == "MBConv" else "DW"
    expansion = f" e{stage.get('expansion')}" if kind == "MB" else ""
    ratio = f" se{stage.get('se_ratio')}" if stage.get("se_ratio") else ""
    skip = " skip" if stage.get("skip") else ""
    size = f"{stage.get('num_blocks')}x{kind} {stage.get('out_channels')} k{stage.get('kernel_size')}"
    return f"{size} s{stage.get('stride')}{expansion}{ratio}{skip} {stage.get('activation')}"


def build_front_table(front: Sequence[FrontMember]) -> Table:
    """The Pareto front, best accuracy first."""
    table = Table(
        title="Pareto front",
        title_justify="left",
        caption="validation accuracy of the mini-phase; SRAM = estimated TFLM arena, int8, 32-bit MCU",
        caption_justify="left",
    )
    for name, justify in (
        ("candidate", "left"),
        ("accuracy %", "right"),
        ("MACs M", "right"),
        ("parameters", "right"),
        ("peak SRAM KiB", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for member in front:
        table.add_row(
            member.id,
            f"{100 * member.validation_accuracy:.2f}",
            f"{member.macs / 1e6:.2f}",
            f"{member.params:,}",
            f"{member.peak_sram_bytes / KIB:.1f}",
        )
    return table


def _format_teacher(distilled: TrainedPhase) -> str:
    accuracy = distilled.teacher_accuracy
    return "none" if accuracy is None else format_accuracy(accuracy)


def build_delivery_table(candidate: str, outcome: CandidateOutcome) -> Table:
    """The delivered network's figures, each with its unit and where it comes from."""
    table = Table(title=f"Delivered {candidate}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in [*_list_phases(outcome), *_list_figures(outcome.metrics)]:
        table.add_row(name, value)
    return table


def _list_phases(outcome: CandidateOutcome) -> Iterator[tuple[str, str]]:
    if outcome.full is not None:
        yield "validation accuracy, full training", plain(format_phase(outcome.full))
    if outcome.distill is not None:
        yield "validation accuracy, distilled", plain(format_phase(outcome.distill))
        yield "teacher's validation accuracy", _format_teacher(outcome.distill)


def _list_figures(metrics: DeliveryMetrics | None) -> list[tuple[str, str]]:
    if metrics is None:
        return []
    return [
        ("weights delivered", f"of the {metrics.training.weights_of_phase} phase"),
        ("test accuracy, float", f"{metrics.float_test_accuracy:.2%}"),
        (f"test accuracy, int8 in TFLM ({metrics.num_test_images} images)", f"{metrics.int8_test_accuracy:.2%}"),
        ("int8 and float agree on", f"{metrics.agreement:.2%}"),
        ("MACs", f"{metrics.macs / 1e6:.2f} M"),
        ("model.tflite", f"{metrics.tflite_bytes / KIB:.1f} KiB"),
        ("arena on the 32-bit MCU, estimated", f"{metrics.estimated_arena_bytes / KIB:.1f} KiB"),
        ("arena on this host, measured in TFLM", f"{metrics.measured_arena_bytes / KIB:.1f} KiB"),
    ]
