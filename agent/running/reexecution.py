"""Running a recorded run's graphs again, step by step, and comparing every step with its record.

The chat model's answers and the results of expensive work (training, delivery) come from the trace; everything else
(masks, prices, verdicts, the front, prompts, routes) is recomputed by the code that runs a search. `replay --verify`
does it against the records; `resume --from STEP` does it to rebuild the state from which a forked run continues.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.config import RunConfig, read_config
from agent.running.run_summary import sum_up
from agent.running.runner import build_delivery, build_design, build_workspace
from nas.errors import CheckError, KilosmithError, NoLegalCandidateError
from nas.events import Event
from nas.records.run_events import (
    ApprovalAnswered,
    LlmAnswered,
    LlmFailed,
    LlmRequested,
    NodeFinished,
    RunFinished,
    RunStarted,
    ToolAnswered,
)
from nas.records.run_store import RunStore
from nas.records.trace import Step, read_steps
from nas.records.trace_line import TraceLine
from nas.workspace.recorded_executor import RecordedExecutor
from nas.workspace.workspace import Workspace

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from graphs.designer import Designer

_OWN_TIME = (NodeFinished, ToolAnswered, LlmFailed)  # their `seconds` belong to this execution
_MOST_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Reexecution:
    """What was run again: the numbers of steps and trials that agree with their records; whether the run had ended."""

    num_steps: int
    num_trials: int
    is_finished: bool


def verify(store: RunStore, target: RunStore, on_step: Callable[[Step], None]) -> Reexecution:
    """Run everything again into `target` and compare; raises CheckError that names the first step that differs."""
    lines = list(store.load_trace())
    if not lines:
        raise CheckError(f"a replay needs a trace; {store.folder}/trace.jsonl is missing or empty; resume the run")
    steps = read_steps(lines)
    again = _Again(store, target, lines)
    for step in steps:
        on_step(step)
        again.run(step)
    again.compare_leftovers()
    is_finished = isinstance(lines[-1].event, RunFinished)
    if is_finished:
        again.compare_end(lines[-1])
    num_finished = sum(step.is_finished for step in steps)
    return Reexecution(num_finished, len(target.load_trials()), is_finished)


def rebuild(
    store: RunStore, target: RunStore, checkpointer: Any, steps: Sequence[Step], lines: list[TraceLine]
) -> None:
    """Bring `target` and its checkpoints to where `store` stood after `steps`; raises CheckError if they differ."""
    again = _Again(store, target, lines, checkpointer)
    for step in steps:
        again.run(step)


@dataclass
class _Again:
    """One re-execution: its own workspace, graphs and events, next to the run's trace."""

    store: RunStore
    target: RunStore
    lines: list[TraceLine]
    checkpointer: Any = None
    _events: list[Event] = field(default_factory=list)
    _graphs: dict[str, CompiledStateGraph[Any, None, Any, Any]] = field(default_factory=dict)
    _session: RunStarted | None = None
    _num_settled: int = 0

    def __post_init__(self) -> None:
        if self.checkpointer is None:
            from langgraph.checkpoint.memory import InMemorySaver  # late: a second of imports

            self.checkpointer = InMemorySaver()
        self._trials = {trial.id: trial for trial in self.store.load_trials()}
        self._order = list(self._trials)
        self._was_interrupted = any(step.num_attempts > 1 for step in read_steps(self.lines))
        first = self._sessions()[0]
        self._config = _read_session(first)
        executor, events = RecordedExecutor(line.event for line in self.lines), self._events.append
        self._workspace: Workspace = build_workspace(self._config, self.target, executor, first.num_images, events)
        self._found: dict[str, Any] = {}
        self._delivered: dict[str, Any] = {"approved": [], "outcomes": {}}

    def _sessions(self) -> list[RunStarted]:
        found = [line.event for line in self.lines if isinstance(line.event, RunStarted)]
        if not found:
            raise CheckError("the trace must say with which settings the run was started; no line of it does")
        return found

    def run(self, step: Step) -> None:
        """Execute the step's node and compare what it did; an unfinished step cannot be compared."""
        if not step.is_finished:
            return
        if step.session is None:
            raise CheckError(f"{step} must follow the start of a session; the trace holds none before it")
        if step.session is not self._session:
            self._begin_session(step.session)
        self._events.clear()
        try:
            self._execute(step)
        except CheckError as error:
            raise CheckError(f"{step} cannot be executed again: {error}") from error
        except NoLegalCandidateError as error:
            raise CheckError(f"{step} ends differently: {error}") from error
        self._compare_trials(step)
        self._compare_events(step)

    def _begin_session(self, session: RunStarted) -> None:
        """Build the graphs as this session of the run had them: other sessions may have had another chat model."""
        self._session = session
        self._config = _read_session(session)
        designer = _read_designer(self._config, session, self.lines)
        events = self._events.append
        self._graphs = {
            "design": build_design(self._config, self._workspace, designer, self.checkpointer, events),
            "delivery": build_delivery(self._config, self._workspace, designer, self.checkpointer, events),
        }

    def _execute(self, step: Step) -> None:
        from langgraph.types import Command

        graph, config = self._graphs[step.graph], _thread(step.graph)
        state: Mapping[str, Any] = graph.get_state(config).values
        start = None if state else self._start(step.graph)
        state = graph.invoke(start, config, interrupt_after="*", durability="sync")
        if "__interrupt__" in state:  # the node waits for a person's answer, which is on record
            answer = _find_answer(self.lines, step)
            state = graph.invoke(Command(resume=answer), config, interrupt_after="*", durability="sync")
        if step.graph == "design":
            self._found = dict(state)
        else:
            self._delivered = dict(state)

    def _start(self, graph: str) -> Any:
        if graph == "design":
            from graphs.design.state import start_state

            return start_state()
        from graphs.delivery.state import start_state as start_delivery

        return start_delivery(self._found["winners"], self._found["drive"], self._found["num_answers"])

    # --- comparing ---------------------------------------------------------------------------------------------

    def _compare_trials(self, step: Step) -> None:
        """What the step settled must be in trials.jsonl, in the same order unless an interruption changed it."""
        settled = self.target.load_trials()
        for trial in settled[self._num_settled :]:
            recorded = self._trials.get(trial.id)
            if recorded is None:
                raise CheckError(f"{step} settles {trial.id}, which trials.jsonl does not hold")
            if difference := find_difference(_plain(recorded.to_dict()), _plain(trial.to_dict())):
                raise CheckError(f"{step} settles {trial.id} otherwise than trials.jsonl says: {difference}")
        self._num_settled = len(settled)
        ids = [trial.id for trial in settled]
        if not self._was_interrupted and ids != self._order[: len(ids)]:
            raise CheckError(f"{step} settles trials in the order {', '.join(ids[-3:])}; trials.jsonl has another")

    def _compare_events(self, step: Step) -> None:
        """Compare all events; after an interruption, only outcome and requests: what is on record is not done again."""
        recorded = [(line.event.kind, _without_time(line.event)) for line in step.told]
        executed = [(event.kind, _without_time(event)) for event in self._events if not event.transient]
        if step.num_attempts > 1:
            kept = ("node_finished", "llm_requested")
            recorded, executed = ([pair for pair in pairs if pair[0] in kept] for pairs in (recorded, executed))
        for place, (kind, data) in enumerate(recorded):
            if place >= len(executed) or executed[place][0] != kind:
                found = executed[place][0] if place < len(executed) else "nothing more"
                raise CheckError(f"{step} differs: the trace holds {kind}, executed again it brings {found}")
            if difference := find_difference(data, executed[place][1]):
                raise CheckError(f"{step} differs in {kind}: {difference}")
        if len(executed) > len(recorded):
            raise CheckError(f"{step} differs: executed again it also brings {executed[len(recorded)][0]}")

    def compare_leftovers(self) -> None:
        """Every recorded trial must have been settled by a step, except those of a step that was cut short."""
        steps = read_steps(self.lines)
        extra = [trial_id for trial_id in self._order if trial_id not in {t.id for t in self.target.load_trials()}]
        if extra and (not steps or steps[-1].is_finished):
            raise CheckError(f"trials.jsonl holds {extra[0]}, which no step of the trace settles; last: {steps[-1]}")
        recorded = self.store.load_config()["config"]
        if difference := find_difference(self._sessions()[-1].config, recorded):
            raise CheckError(f"config.json differs from what the run was started with: {difference}")

    def compare_end(self, last: TraceLine) -> None:
        """The run's final event must follow from its steps."""
        outcome = sum_up("", self.store.folder, self._workspace, self._delivered, self.lines)
        kept, executed = (
            {name: value for name, value in _plain(event.to_dict()).items() if name not in ("run", "folder")}
            for event in (last.event, outcome)
        )
        if difference := find_difference(kept, executed):
            raise CheckError(f"the run's end (line {last.seq} of the trace) differs: {difference}")


def _read_session(session: RunStarted) -> RunConfig:
    try:
        return read_config(dict(session.config))
    except KilosmithError as error:
        raise CheckError(f"the trace must say with which settings the run was started: {error}") from error


def _read_designer(config: RunConfig, session: RunStarted, trace: Iterable[TraceLine]) -> Designer:
    """The designer of a session, with the answers of the trace."""
    from graphs.designer import Designer
    from graphs.tracing import RecordedAnswers

    answers: dict[str, LlmAnswered] = {}
    failures: dict[str, LlmFailed] = {}
    key = ""
    for line in trace:
        match line.event:
            case LlmRequested() as request:
                key = request.key
            case LlmAnswered() as answer:
                answers[key] = answer  # the latest: an earlier one was lost with the step it belonged to
                failures.pop(key, None)
            case LlmFailed() as failure:
                failures[key] = failure
    identity = config.llm.model_dump(mode="json")
    return Designer(RecordedAnswers(identity, answers, failures), **session.designer.to_dict())


def _thread(graph: str) -> RunnableConfig:
    from langchain_core.runnables import RunnableConfig

    return RunnableConfig(configurable={"thread_id": graph}, recursion_limit=1_000_000)


def _find_answer(trace: Iterable[TraceLine], step: Step) -> list[Any]:
    """What a person answered while the step waited."""
    told = [line.event for line in trace if line.seq <= step.last_seq]
    answers = [event.answer for event in told if isinstance(event, ApprovalAnswered)]
    if not answers:
        raise CheckError("the trace must hold the answer to the approval; it is missing")
    return list(answers[-1])


def _without_time(event: Event) -> Any:
    """The event as JSON returns it, without what differs between any two executions."""
    data = _plain(event.to_dict())
    if isinstance(event, _OWN_TIME):
        return {name: value for name, value in data.items() if name != "seconds"}
    return data


def _plain(value: Any) -> Any:
    """The value as JSON returns it: tuples become lists."""
    return json.loads(json.dumps(value))


def find_difference(recorded: Any, executed: Any, place: str = "") -> str:
    """Where two JSON values differ first and how, "" if they do not; floats may differ by rounding (1e-9)."""
    if isinstance(recorded, dict) and isinstance(executed, dict):
        for name in {**recorded, **executed}:
            if name not in recorded or name not in executed:
                return f"{place}{name} is {'missing in the record' if name in executed else 'only in the record'}"
        pairs = [(f"{place}{name}.", recorded[name], executed[name]) for name in recorded]
    elif isinstance(recorded, list) and isinstance(executed, list) and len(recorded) == len(executed):
        pairs = [(f"{place}{index}.", *pair) for index, pair in enumerate(zip(recorded, executed, strict=True))]
    elif _is_same_scalar(recorded, executed):
        return ""
    else:
        spelled = [json.dumps(value)[:_MOST_SHOWN] for value in (recorded, executed)]
        return f"{place.rstrip('.') or 'value'} is recorded as {spelled[0]}, executed again it is {spelled[1]}"
    return next((found for name, before, after in pairs if (found := find_difference(before, after, name))), "")


def _is_same_scalar(recorded: Any, executed: Any) -> bool:
    if isinstance(recorded, float) and isinstance(executed, float):
        return math.isclose(recorded, executed, rel_tol=1e-9, abs_tol=1e-12)
    return type(recorded) is type(executed) and bool(recorded == executed)
