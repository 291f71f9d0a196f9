"""What the records say about a candidate, in words. Every sentence is filled in from a figure; nothing is guessed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nas.cost import Budget, CostReport
from nas.plain_text import plain_markdown
from nas.quantities import KIB, describe_tensors, format_accuracy, format_place
from nas.search.trial import Trial
from nas.space.architecture import Architecture

END_NAMES = {
    "rejected": "rejected before training",
    "invalid": "invalid: no network of the search space",
    "duplicate": "a duplicate",
    "stopped": "stopped early in training",
    "failed": "a failed training",
    "untrained": "legal but left untrained",
    "trained": "trained",
    "proposed": "proposed",
}


def describe_origin(trial: Trial) -> str:
    """Where a candidate comes from."""
    if trial.parent is None:
        return f"{trial.id} was designed whole, as proposal {trial.number}."
    edits = ", ".join(f"stage {edit.stage} {edit.field} = {edit.value}" for edit in trial.edits)
    return f"{trial.id} is proposal {trial.number}, made from {trial.parent} by: {edits}."


def describe_state(trial: Trial) -> str:
    """How it ended."""
    if trial.state == "trained" and trial.validation_accuracy is not None:
        return (
            f"It kept every limit and reached {format_accuracy(trial.validation_accuracy)} validation accuracy in a "
            f"mini-phase of {len(trial.curve)} epochs ({trial.seconds:.0f} s)."
        )
    return f"It is {trial.state}{': ' + plain_markdown(trial.reason) if trial.reason else ''}."


def describe_place(trial: Trial, front: Sequence[Trial]) -> str:
    """Whether it is on the front; "" for one that was not trained."""
    if trial.state != "trained":
        return ""
    members = [member.id for member in front]
    if trial.id not in members:
        return "It is not on the Pareto front: another candidate dominates it."
    rank = members.index(trial.id) + 1
    return f"It is on the Pareto front, number {rank} of {len(members)} by accuracy."


def describe_selection(trial: Trial, winners: Collection[str]) -> str:
    """That a candidate was selected; "" for one that was not."""
    return "It was selected for delivery." if trial.id in winners else ""


def describe_costs(costs: CostReport, budget: Budget) -> list[str]:
    """Every cost against its limit."""
    price, peak = costs.price, costs.peak
    tensors = describe_tensors(((buffer.name, buffer.num_bytes) for buffer in peak.live_tensors), " B")
    place = peak.stage if isinstance(peak.stage, str) else format_place(peak.stage)
    return [
        f"MACs: {price.macs / 1e6:.2f} M, limits {budget.macs_min / 1e6:g} to {budget.macs_max / 1e6:g} M.",
        f"Peak SRAM (whole TFLM arena on the 32-bit MCU, estimated): {price.arena_bytes / KIB:.1f} KiB of "
        f"{budget.peak_sram_bytes / KIB:g} KiB; activations {price.head_bytes / KIB:.1f} KiB, the runtime's own "
        f"structures {price.tail_bytes / KIB:.1f} KiB.",
        f"The peak is at operator {peak.operator} ({peak.op}, {place}), where these tensors are alive: {tensors}.",
        f"Flash (estimated): {price.flash_bytes / KIB:.1f} KiB of {budget.flash_bytes / KIB:g} KiB; "
        f"{price.params:,} parameters.",
    ]


def tabulate_stages(architecture: Architecture | None, costs: CostReport) -> str:
    """A Markdown table of the stages with their shares."""
    shares = {str(stage.stage): stage for stage in costs.stages()}
    rows = ["| stage | design | MACs | parameters |", "|---|---|---|---|"]
    for name, share in shares.items():
        design = describe_stage(architecture, int(name)) if architecture and name.isdigit() else "fixed"
        rows.append(f"| {name} | {design} | {share.macs:,} ({share.macs_share:.0%}) | {share.params:,} |")
    return "\n".join(rows)


def describe_stage(architecture: Architecture, number: int) -> str:
    """A stage in words."""
    stage = architecture.stages[number - 1]
    parts = [
        f"{stage.num_blocks} x {stage.block}",
        f"{stage.kernel_size}x{stage.kernel_size}",
        f"{stage.out_channels} channels",
        f"stride {stage.stride}",
        stage.activation,
    ]
    if stage.block == "MBConv":
        parts.append(f"expansion {stage.expansion}")
    if stage.se_ratio:
        parts.append(f"SE {stage.se_ratio}")
    if stage.skip:
        parts.append("skip")
    return ", ".join(parts)
