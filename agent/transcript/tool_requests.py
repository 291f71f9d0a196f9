"""What a chat model asked of a tool, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.plain_text import plain
from nas.records.run_events import ToolRequest


def describe_call(call: ToolRequest) -> str:
    """The call in one line; its arguments, whatever they are, are only shown."""
    arguments = call.args
    if call.name == "edit_architecture" and isinstance(arguments.get("edits"), list):
        edits = [edit for edit in arguments["edits"] if isinstance(edit, dict)]
        phrased = ", ".join(f"stage {edit.get('stage')} {edit.get('field')} = {edit.get('value')}" for edit in edits)
        return plain(f"edits {arguments.get('candidate_id')}: {phrased}")
    stages = arguments.get("stages")
    if isinstance(stages, list) and all(isinstance(stage, dict) for stage in stages):
        return plain("designs " + " | ".join(_describe_stage(stage) for stage in stages))
    if isinstance(claims := arguments.get("claims"), list):
        chosen = [str(claim["claim"]) for claim in claims if isinstance(claim, dict) and "claim" in claim]
        if call.name == "select_claims" and chosen:
            return plain(f"chooses statements {', '.join(chosen)}")[:240]
        return f"makes {len(claims)} claim{'s' * (len(claims) != 1)}"
    spelled = ", ".join(f"{name} {value}" for name, value in arguments.items())
    return plain(f"calls {call.name}: {spelled}" if spelled else f"calls {call.name}")[:240]


def _describe_stage(stage: Mapping[str, Any]) -> str:
    kind = "MB" if stage.get("block") == "MBConv" else "DW"
    expansion = f" e{stage.get('expansion')}" if kind == "MB" else ""
    ratio = f" se{stage.get('se_ratio')}" if stage.get("se_ratio") else ""
    skip = " skip" if stage.get("skip") else ""
    size = f"{stage.get('num_blocks')}x{kind} {stage.get('out_channels')} k{stage.get('kernel_size')}"
    return f"{size} s{stage.get('stride')}{expansion}{ratio}{skip} {stage.get('activation')}"
