"""What a run needs from outside: its data set, its chat model, and the threads it may use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent.config import RunConfig
from agent.running.paths import cache_folder
from agent.running.tracking import check_tracking
from agent.running.training_setup import check_training
from nas.errors import SettingError
from nas.events import EventSink, Progress

if TYPE_CHECKING:
    from agent.chat_models.registry import OpenedChatModel
    from graphs.designer import Designer
    from nas.datasets import Dataset


@dataclass(frozen=True)
class Resources:
    """What a run needs from outside, ready before anything is designed."""

    data: Dataset
    chat_model: OpenedChatModel


def prepare(config: RunConfig, show: EventSink) -> Resources:
    """Load the data set and open the chat model; raises before a run folder exists if either is unavailable."""
    from agent.chat_models.registry import open_chat_model  # late: langchain

    def tell(phase: str, step: str) -> None:
        show(Progress(phase, step))

    check_tracking(config)
    limit_threads(config)
    tell("data", f"loading {config.data.spec}")
    data = load_data(config)
    check_training(config, data.num_classes, partial(tell, "teacher"))
    tell("opening", config.llm.spec)
    report = partial(tell, "chat model")
    chat_model = open_chat_model(config.llm.spec, config.llm, cache=cache_folder(), report=report)
    if config.design.drive == "autonomous" and chat_model.only_guided:
        rule = "design.drive autonomous needs a chat model that chooses tools"
        raise SettingError(f"{rule}; {chat_model.name} is a baseline: choose guided or another --llm")
    return Resources(data, chat_model)


def limit_threads(config: RunConfig) -> None:
    """Let torch use as many threads as the configuration says; 0 leaves the choice to torch."""
    if config.threads:
        import torch  # late: two seconds

        torch.set_num_threads(config.threads)


def load_data(config: RunConfig) -> Dataset:
    """The run's data set."""
    from nas.datasets import load_dataset

    data = config.data
    return load_dataset(
        data.spec, validation_fraction=data.validation_fraction, seed=config.seed, train_limit=data.train_limit
    )


def open_designer(config: RunConfig, chat_model: OpenedChatModel) -> Designer:
    """The designer that asks an opened chat model."""
    from graphs.designer import Designer
    from graphs.tracing import LiveAnswers

    return Designer(
        LiveAnswers(chat_model.model, config.llm.model_dump(mode="json")),
        designs_whole=chat_model.designs_whole,
        takes_masks=chat_model.takes_masks,
        is_checked=chat_model.drive == "check",
        context_tokens=chat_model.context_tokens,
    )
