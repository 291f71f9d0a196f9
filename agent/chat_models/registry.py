"""From what the user names after --llm to a chat model. Heavy modules are imported when a model is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.chat_models.settings import ChatModelSettings
from nas.errors import SettingError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

KNOWN_CHAT_MODELS = (
    ("smollm2", "SmolLM2-135M-Instruct, embedded: fetched once, runs on the CPU without a hub or an account"),
    ("scripted:FILE.json", "recorded answers, for tests and demonstrations"),
    ("mutate", "baseline: random edits of the parent in the LLM's place"),
    ("random", "baseline: uniform random designs in the LLM's place"),
)


@dataclass(frozen=True, slots=True)
class OpenedChatModel:
    """A chat model ready to answer. With `designs_whole` every proposal is a whole design, never an edit."""

    model: BaseChatModel
    name: str
    designs_whole: bool


def open_chat_model(
    spec: str, settings: ChatModelSettings, *, cache: Path, report: Callable[[str], None]
) -> OpenedChatModel:
    """The chat model `spec` names; `report` is told, in a line each, what takes long.

    Raises SettingError for an unknown spec or a wrong script, ChatModelError when the weights cannot be had.
    """
    kind, _, rest = spec.partition(":")
    if spec == "smollm2":
        return _open_smollm2(settings, cache, report)
    if kind == "scripted" and rest:
        from agent.chat_models.scripted import load_scripted

        return OpenedChatModel(load_scripted(Path(rest)), spec, designs_whole=False)
    if spec in ("random", "mutate"):
        from agent.chat_models.samplers import SchemaSampler

        return OpenedChatModel(SchemaSampler(seed=settings.seed, model_name=spec), spec, spec == "random")
    known = ", ".join(name for name, _ in KNOWN_CHAT_MODELS)
    raise SettingError(f"the chat model must be one of {known}; got {spec!r}")


def _open_smollm2(settings: ChatModelSettings, cache: Path, report: Callable[[str], None]) -> OpenedChatModel:
    from agent.chat_models.engine import load_engine
    from agent.chat_models.local import LocalChatModel
    from agent.chat_models.weights import fetch_smollm2

    engine = load_engine(fetch_smollm2(cache, report))
    model = LocalChatModel(engine=engine, settings=settings, model_name="smollm2")
    return OpenedChatModel(model, "smollm2", designs_whole=False)
