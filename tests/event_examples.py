"""One event of every kind, for tests that render, store or read them."""

from __future__ import annotations

from pathlib import Path

from metrics_examples import make_metrics
from search_examples import SPACE, TASK, make_stages

from nas.cost import BrokenLimit, Budget, price
from nas.events import Event, Progress
from nas.export.delivered import Delivered
from nas.export.export_order import ExportLimits, ExportOrder
from nas.records.explained import CheckedClaim, Claim, Explained, Explanation
from nas.records.run_events import (
    ApprovalAnswered,
    CallsIgnored,
    DesignerTraits,
    DriveChosen,
    LlmAnswered,
    LlmFailed,
    LlmRequested,
    NodeFinished,
    NodeStarted,
    NodeWaiting,
    RecordsMended,
    RunFinished,
    RunForked,
    RunStarted,
    ToolAnswered,
    ToolCalled,
    ToolRequest,
    ToolUnknown,
    TrackingFailed,
    Usage,
)
from nas.records.trace_line import FORMAT
from nas.search.pareto import FrontMember
from nas.search.search_events import FeedbackGiven, FrontChanged, ProposalJudged
from nas.training import EpochResult, TrainedPhase
from nas.training.phase_events import EpochFinished, PhaseFinished

ARCHITECTURE = SPACE.parse({"stages": make_stages()})
METRICS = make_metrics(
    ExportOrder(
        candidate_id="c001",
        architecture=ARCHITECTURE,
        limits=ExportLimits("nrf52840", ram_bytes=262_144, flash_bytes=524_288, peak_sram_bytes=65_536),
        estimated=price(ARCHITECTURE, TASK),
        explanation="Why.",
        folder=Path("nowhere"),
    )
)
MEMBER = FrontMember("c001", 0.9514, 812_345, 9_001, 30_720)
EPOCH = EpochResult(1, 5, 1.25, 0.05, 0.5, 0.75)
STARTED = RunStarted(
    format=FORMAT,
    run="example",
    preset="quick",
    seed=0,
    llm="smollm2",
    data="digits",
    input=(16, 16, 1),
    num_classes=10,
    board="nrf52840",
    budget=Budget(macs_min=50_000, macs_max=1_000_000, peak_sram_bytes=65_536, flash_bytes=524_288),
    max_proposals=12,
    max_trials=7,
    resumed=False,
    num_images={"train": 1150, "validation": 288, "test": 359},
    data_remarks=("few images",),
    designer=DesignerTraits(designs_whole=False, takes_masks=True, is_checked=True, context_tokens=None),
    config={"seed": 0, "llm": {"spec": "smollm2"}},
)
FINISHED = RunFinished(
    run="example",
    folder="runs/example",
    counts={"trained": 7, "rejected": 2},
    llm=Usage(answers=12, input_tokens=1_000, output_tokens=100, seconds=3.5),
    front=(MEMBER,),
    hypervolume=0.7958,
    winners=("c001",),
    deliveries={"c001": {"full": {"validation_accuracy": 0.96}}},
)
ANSWERED = LlmAnswered(
    content="",
    tool_calls=(ToolRequest("mini_train", {"candidate_id": "c001"}),),
    num_calls_left_out=1,
    invalid_tool_calls=("{half",),
    usage={"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    metadata={"model_calls": 2},
    seconds=0.5,
)
JUDGED = ProposalJudged(
    candidate="c002",
    state="rejected",
    reason="too much memory",
    violations=(BrokenLimit("peak_sram", 81_920, 65_536, "bytes"),),
    macs=900_000,
    params=12_000,
    arena_bytes=81_920,
    flash_bytes=200_000,
)
EXPLANATION = Explanation(
    "c001",
    "claimed",
    "smollm2",
    selected=(Claim("", "c001", "macs", 812_345, "It takes 0.81 M MACs."),),
    checked=(
        CheckedClaim("c001", "params", 9_001, "true", 9_001, "small"),
        CheckedClaim("c001 stage 1", "skip", True, "corrected", False, note="claimed true"),
        CheckedClaim("c001", "fame", None, "dropped", note="there is no record of that field"),
    ),
    num_offered=9,
)
LASTING: tuple[Event, ...] = (
    STARTED,
    RunForked("example", 7),
    FINISHED,
    RecordsMended(("trace.jsonl",)),
    TrackingFailed("OSError: away"),
    NodeStarted("design", "propose"),
    NodeFinished("design", "select", {"winners": ["c001"]}, 0.25),
    NodeWaiting("delivery", "approve"),
    DriveChosen("guided", "check", 1, 4),
    ApprovalAnswered(("c001", 3, None)),
    LlmRequested("ab" * 16, ({"role": "human", "content": "Design."},), 0, ("mini_train",), "auto", 7, 0),
    ANSWERED,
    LlmFailed("ab" * 16, "server gone", False, 0.25),
    ToolCalled("mini_train", {"candidate_id": "c001"}),
    ToolAnswered("mini_train", "c001: 95.14%", {"state": "trained", "epochs": 5}, 1.5),
    ToolUnknown("fly", ("mini_train",)),
    CallsIgnored(("pareto_status",)),
    FeedbackGiven("c002", "c001", None, ("use a wider stage",), ("c000 (invalid): no call",)),
    JUDGED,
    FrontChanged((MEMBER,), 1, 0.7958),
    PhaseFinished("c001", TrainedPhase("mini", 0.5, (EPOCH,), 0.75, stopped="others did better")),
    Explained(EXPLANATION),
    Delivered("c001", METRICS),
)
TRANSIENT: tuple[Event, ...] = (Progress("export", "converting", "c001", 3, 9), EpochFinished("mini", "c001", EPOCH))
