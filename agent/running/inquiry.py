"""Asking about a run: opens its records, the tools and, if one is to answer, the chat model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.config import LlmSettings, RunConfig, read_config
from agent.running.interruption import hold_interruptions
from agent.running.paths import cache_folder
from agent.running.resources import limit_threads, load_data
from nas.events import EventSink, Progress
from nas.explanation.effects import Effect
from nas.plain_text import plain_lines
from nas.records.reading import read_records
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore
from nas.search.trial import WHAT_IF, Trial

if TYPE_CHECKING:
    from graphs.inquiry.graph import InquiryNodes
    from graphs.inquiry.state import InquiryState, Mode, Turn
    from graphs.tracing import AnswerSource

MAX_QUESTION = 2_000  # characters
_ROUTED = ("smollm2", "random", "mutate")  # these cannot choose tools: the router does

Confirm = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Inquiry:
    """A conversation about one run. `confirm` asks a person before anything is trained; `events` watches the work."""

    store: RunStore
    config: RunConfig
    answers: AnswerSource | None
    confirm: Confirm
    events: EventSink

    def records(self) -> RunRecords:
        """What the run's records say at this moment: it may still be running."""
        return read_records(self.store)

    def warm_up(self) -> None:
        """Load what the first question needs: it is then answered at once, and interrupting it breaks no module."""
        with hold_interruptions():
            from graphs.inquiry.topics import load_topics

            self.nodes()
            if self.answers is None:
                load_topics().rank("", has_intent=False)

    def ask(self, question: str) -> Turn:
        """The answer to a question, on record with the run when this returns."""
        from langchain_core.runnables import RunnableConfig
        from langgraph.checkpoint.memory import InMemorySaver
        from langgraph.types import Command

        from graphs.inquiry.graph import build_inquiry_graph

        graph = build_inquiry_graph(self.nodes(), InMemorySaver())
        config = RunnableConfig(configurable={"thread_id": "question"}, recursion_limit=64)
        state = graph.invoke(self.begin(question), config)
        while "__interrupt__" in state:
            confirmed = self.confirm(state["__interrupt__"][0].value)
            state = graph.invoke(Command(resume=confirmed), config)
        return self.settle(state)

    def begin(self, question: str) -> InquiryState:
        """The state of a question before anything was done for it."""
        from graphs.inquiry.state import start_inquiry

        mode: Mode = "model" if self.answers is not None else "router"
        return start_inquiry(plain_lines(question)[:MAX_QUESTION], self.store.load_conversation(), mode)

    def settle(self, state: Mapping[str, Any]) -> Turn:
        """The answered question as one turn of the conversation, on record when this returns."""
        turn: Turn = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "question": state["question"],
            "answer": state["answer"],
            "calls": state["calls"],
            "is_declined": state["is_declined"],
            "by": str(self.answers.identity.get("spec")) if self.answers is not None else "router",
            "note": state["note"],
        }
        self.store.append_turn(turn)
        return turn

    def nodes(self) -> InquiryNodes:
        """The nodes that answer a question from what the records say at this moment."""
        from langgraph.types import interrupt

        from graphs.inquiry.graph import InquiryNodes
        from tools import build_inquiry_toolbox

        records = self.records()

        def confirm(effect: Effect) -> bool:
            epochs = self.config.training.mini.epochs
            asked = {
                "candidate": effect.candidate,
                "edits": effect.describe_edits(),
                "epochs": epochs,
                "seconds": estimate_seconds(records, effect),
                "breaks": [violation.constraint for violation in effect.violations],
            }
            return bool(interrupt(asked))

        toolbox = build_inquiry_toolbox(records, confirm, self._train)
        return InquiryNodes(toolbox, records, self.answers, self.events, self.config.seed)

    def _train(self, effect: Effect) -> Trial:
        """Train a what-if as the run trains candidates; it is recorded separately from the run's trials."""
        config, task = self.config, self.config.resolve_task()
        with hold_interruptions():
            from nas.training import TrainingJob
            from nas.training.phases import Phases  # late: torch, two seconds

        limit_threads(config)
        with RunStore(self.store.folder) as store:
            store.lock()
            phases = Phases(store.training_folder, task, load_data(config), config.training, config.seed, self.events)
            fingerprint = effect.after.fingerprint(task.stem_channels)
            place = f"what-if-{fingerprint}"  # this network's alone: an interrupted training resumes its own
            outcome = phases.train(TrainingJob(place, effect.after, "mini"))
            trial = Trial(
                number=len(store.load_what_ifs()) + 1,
                state="failed" if outcome.failure else "trained",
                origin=WHAT_IF,
                architecture=effect.after,
                fingerprint=fingerprint,
                parent=effect.candidate,
                edits=effect.edits,
                costs=effect.price_after.costs,
                reason=outcome.failure,
                validation_accuracy=None if outcome.failure else outcome.validation_accuracy,
                curve=outcome.curve,
                seconds=outcome.seconds,
            )
            store.append_what_if(trial)
            phases.forget(place, "mini")
        return trial


def estimate_seconds(records: RunRecords, effect: Effect) -> float | None:
    """About how long the training takes: the run's own seconds per MAC, None where nothing was trained."""
    timed = [(trial.seconds, trial.priced.macs) for trial in records.trained if trial.costs]
    macs = sum(count for _, count in timed)
    return round(sum(seconds for seconds, _ in timed) / macs * effect.price_after.macs, 1) if macs else None


def open_inquiry(
    store: RunStore, *, llm: str | None, llm_url: str | None, confirm: Confirm, show: EventSink
) -> Inquiry:
    """The conversation about a run with its own chat model, or with another one."""
    config = read_config(store.load_config()["config"])
    changes = {name: value for name, value in (("spec", llm), ("url", llm_url)) if value is not None}
    settings = config.llm.model_copy(update=changes)
    is_free = settings.spec not in _ROUTED and (llm is not None or _chose_its_tools(store, settings.spec))
    return Inquiry(store, config, open_answers(settings, show) if is_free else None, confirm, show)


def _chose_its_tools(store: RunStore, spec: str) -> bool:
    """Whether the run's own chat model proved able to choose tools; a script is for the search, not for questions."""
    if spec.startswith("scripted:"):
        return False
    drive = read_records(store).drive
    return drive is None or drive.drive != "guided"


def open_answers(settings: LlmSettings, show: EventSink) -> AnswerSource:
    """The chat model that answers freely."""
    from agent.chat_models.registry import open_chat_model
    from graphs.tracing import LiveAnswers

    def report(step: str) -> None:
        show(Progress("chat model", step))

    opened = open_chat_model(settings.spec, settings, cache=cache_folder(), report=report)
    return LiveAnswers(opened.model, settings.model_dump(mode="json"))
