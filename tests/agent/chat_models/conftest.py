"""The embedded model, fetched for real into the cache the application itself uses; tiny models made on the fly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tool_templates import save_tiny_model

from agent.running.paths import cache_folder

if TYPE_CHECKING:
    from agent.chat_models.local.engine import CausalEngine
    from agent.chat_models.local.local_chat_model import LocalChatModel


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    from agent.chat_models.local.smollm2 import fetch_smollm2

    return fetch_smollm2(cache_folder(), print)


@pytest.fixture(scope="session")
def engine(smollm2_folder: Path) -> CausalEngine:
    from agent.chat_models.local.engine import load_engine

    return load_engine(smollm2_folder)


@pytest.fixture
def smollm2(engine: CausalEngine) -> LocalChatModel:
    from agent.chat_models.local.local_chat_model import LocalChatModel

    return LocalChatModel(engine=engine, model_name="smollm2")


@pytest.fixture(scope="session")
def open_tiny(smollm2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., LocalChatModel]:
    """Tiny random models with a given chat template, loaded like any local model."""
    from agent.chat_models.chat_model_settings import ChatModelSettings
    from agent.chat_models.local.engine import load_engine
    from agent.chat_models.local.local_chat_model import LocalChatModel

    engines: dict[tuple[str, bool], CausalEngine] = {}

    def open_one(template: str, *, control_tokens: bool = False, **settings: Any) -> LocalChatModel:
        key = (template, control_tokens)
        if key not in engines:
            folder = tmp_path_factory.mktemp("tiny")
            engines[key] = load_engine(save_tiny_model(folder, smollm2_folder, template, control_tokens=control_tokens))
        return LocalChatModel(engine=engines[key], settings=ChatModelSettings(**settings), model_name="tiny")

    return open_one
