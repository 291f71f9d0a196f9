"""All tools of a conversation about a run."""

from __future__ import annotations

from langchain_core.tools import StructuredTool

from nas.records.run_records import RunRecords
from tools.compare_candidates import build_compare_candidates
from tools.count_outcomes import build_count_outcomes
from tools.describe_stage import build_describe_stage
from tools.estimate_macs import build_estimate_macs
from tools.estimate_peak_sram import build_estimate_peak_sram
from tools.explain import build_explain
from tools.pareto_status import build_pareto_status
from tools.price_edits import build_price_edits
from tools.rank_candidates import build_rank_candidates
from tools.tell_accuracy import build_tell_accuracy
from tools.tell_delivery import build_tell_delivery
from tools.tell_limits import build_tell_limits
from tools.tell_run import build_tell_run
from tools.tell_verdict import build_tell_verdict
from tools.train_what_if import Confirm, Train, build_train_what_if


def build_inquiry_toolbox(records: RunRecords, confirm: Confirm, train: Train) -> dict[str, StructuredTool]:
    """Every tool by its name. All but `train_what_if` only read and compute; that one asks a person first."""
    tools = (
        build_explain(records),
        build_tell_verdict(records),
        build_price_edits(records),
        build_compare_candidates(records),
        build_describe_stage(records),
        build_estimate_macs(records),
        build_estimate_peak_sram(records),
        build_tell_limits(records),
        build_tell_accuracy(records),
        build_rank_candidates(records),
        build_pareto_status(records),
        build_count_outcomes(records),
        build_tell_delivery(records),
        build_tell_run(records),
        build_train_what_if(records, confirm, train),
    )
    return {tool.name: tool for tool in tools}
