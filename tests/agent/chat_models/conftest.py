"""The embedded model, fetched for real into the cache the application itself uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.places import cache_folder

if TYPE_CHECKING:
    from agent.chat_models.engine import CausalEngine
    from agent.chat_models.local import LocalChatModel


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    from agent.chat_models.weights import fetch_smollm2

    return fetch_smollm2(cache_folder(), print)


@pytest.fixture(scope="session")
def engine(smollm2_folder: Path) -> CausalEngine:
    from agent.chat_models.engine import load_engine

    return load_engine(smollm2_folder)


@pytest.fixture
def smollm2(engine: CausalEngine) -> LocalChatModel:
    from agent.chat_models.local import LocalChatModel

    return LocalChatModel(engine=engine, model_name="smollm2")
