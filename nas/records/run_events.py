"""What a run reports: its sessions, its nodes, and what passed between it and its chat model and tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from nas.cost import Budget
from nas.documents.json_records import LEFT_OUT, JsonRecord
from nas.events import Event
from nas.search.pareto import FrontMember

# --- a run and its sessions ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DesignerTraits(JsonRecord):
    """What is known of a designer besides its answers: enough, with these, to run its search again."""

    designs_whole: bool
    takes_masks: bool
    is_checked: bool
    context_tokens: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A session of a run begins: the first one, or after an interruption (`resumed`).

    `format` is that of the lines that follow. `input` is (height, width, channels), `num_images` counts the images of
    each split, `config` holds the settings.
    """

    kind: ClassVar[str] = "run_started"
    format: int = 1  # older traces do not say
    run: str
    preset: str
    seed: int
    llm: str
    data: str
    input: tuple[int, int, int]
    num_classes: int
    board: str
    budget: Budget
    max_proposals: int
    max_trials: int
    resumed: bool
    num_images: Mapping[str, int]
    data_remarks: tuple[str, ...] = ()
    designer: DesignerTraits
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunForked(Event):
    """The run continues on its own from a step of another run."""

    kind: ClassVar[str] = "run_forked"
    run: str
    step: int


@dataclass(frozen=True, slots=True)
class Usage(JsonRecord):
    """What a chat model used: answers, tokens read and written where it reports them, wall seconds."""

    answers: int
    input_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """What a finished run left behind, in plain figures; also the JSON document of `run --json`.

    `counts`: the number of proposals with each outcome. `winners` were approved; `deliveries`: candidate -> phase ->
    figures.
    """

    kind: ClassVar[str] = "run_finished"
    run: str
    folder: str
    counts: Mapping[str, int]
    llm: Usage
    front: tuple[FrontMember, ...]
    hypervolume: float
    winners: tuple[str, ...]
    deliveries: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordsMended(Event):
    """The last lines of these files, torn by a crash, were cut off."""

    kind: ClassVar[str] = "records_mended"
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrackingFailed(Event):
    """The run is no longer mirrored into a store."""

    kind: ClassVar[str] = "tracking_failed"
    error: str


# --- nodes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NodeStarted(Event):
    """A node of a graph begins."""

    kind: ClassVar[str] = "node_started"
    graph: str
    node: str


@dataclass(frozen=True, slots=True)
class NodeFinished(Event):
    """A node is done: what it changed of its graph's state, and the wall seconds it took."""

    kind: ClassVar[str] = "node_finished"
    graph: str
    node: str
    update: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class NodeWaiting(Event):
    """A node waits for a person's answer and will run again."""

    kind: ClassVar[str] = "node_waiting"
    graph: str
    node: str


@dataclass(frozen=True, slots=True)
class DriveChosen(Event):
    """How the designer is driven, and what decided that: a setting, its kind or check questions."""

    kind: ClassVar[str] = "drive_chosen"
    drive: Literal["guided", "autonomous"]
    by: Literal["setting", "kind", "check"]
    num_right: int | None = field(default=None, metadata=LEFT_OUT)
    num_asked: int | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True)
class ApprovalAnswered(Event):
    """What a person answered who was asked which candidates may be delivered."""

    kind: ClassVar[str] = "approval_answered"
    answer: tuple[Any, ...]


# --- the chat model and the tools ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolRequest(JsonRecord):
    """A tool call as a chat model made it."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LlmRequested(Event):
    """A request to the chat model; its first `num_told` messages are in earlier requests and not in `messages`.

    `key` depends on everything that the answer depends on.
    """

    kind: ClassVar[str] = "llm_requested"
    key: str
    messages: tuple[Mapping[str, Any], ...]
    num_told: int
    tools: tuple[str, ...]
    tool_choice: str
    seed: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmAnswered(Event):
    """What is kept of the chat model's answer. `num_calls_left_out`: calls beyond the most that are accepted.

    `usage` counts tokens, None where the chat model does not report them; `metadata` holds what else it reported about
    the answer.
    """

    kind: ClassVar[str] = "llm_answered"
    content: str
    tool_calls: tuple[ToolRequest, ...]
    num_calls_left_out: int = 0
    invalid_tool_calls: tuple[str, ...] = ()
    usage: Mapping[str, Any] | None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seconds: float


@dataclass(frozen=True, slots=True)
class LlmFailed(Event):
    """The chat model gave no answer; `too_long`: because the conversation does not fit its context."""

    kind: ClassVar[str] = "llm_failed"
    key: str
    error: str
    too_long: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ToolCalled(Event):
    """A tool is called."""

    kind: ClassVar[str] = "tool_called"
    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolAnswered(Event):
    """A tool answered: its text for the chat model and, unless the arguments were unusable, its artifact."""

    kind: ClassVar[str] = "tool_answered"
    tool: str
    text: str
    artifact: Mapping[str, Any] | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ToolUnknown(Event):
    """A tool was called that does not exist."""

    kind: ClassVar[str] = "tool_unknown"
    tool: str
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallsIgnored(Event):
    """Calls were left out because only one was asked for."""

    kind: ClassVar[str] = "calls_ignored"
    tools: tuple[str, ...]
