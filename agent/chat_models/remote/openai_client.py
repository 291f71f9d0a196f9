"""OpenAI-compatible servers: OpenAI itself, vLLM, Ollama, llama.cpp. Importing this module takes half a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient
from pydantic import SecretStr
from typing_extensions import override

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.remote_chat_model import ChatServer
from agent.chat_models.remote.request_failures import PROTOCOL_ERRORS
from agent.chat_models.remote.server_answers import read_answer

OPENAI_URL = "https://api.openai.com/v1"


class _Client(ChatOpenAI):
    """langchain's client with our parsing of answers: its own treats some of a model's mistakes as errors."""

    @override
    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        plain = response.model_dump(warnings=False) if isinstance(response, openai.BaseModel) else response
        if not isinstance(plain, dict):
            raise ValueError("the answer is not JSON")
        return read_answer(plain)


def connect_openai(model: str, settings: ChatModelSettings, key: str) -> ChatServer:
    """The server at `settings.url` (None: OpenAI) as a place to ask `model`; nothing is sent yet.

    An empty `key` is for servers that require none.
    """
    url = settings.url or OPENAI_URL

    @asynccontextmanager
    async def open_client() -> AsyncIterator[BaseChatModel]:
        async with DefaultAsyncHttpxClient(timeout=settings.timeout_seconds) as http:
            yield _Client(
                model=model,
                base_url=url,
                api_key=SecretStr(key or "none"),
                temperature=settings.temperature,
                max_retries=0,
                use_responses_api=False,
                disable_streaming=True,
                http_async_client=http,
            )

    # OpenAI has no min_p and calls the limit max_completion_tokens; the others know the older name
    limits = {"max_tokens": settings.max_tokens, "min_p": settings.min_p}
    return ChatServer(
        address=url,
        key=key,
        key_name="OPENAI_API_KEY",
        open_client=open_client,
        failures=(openai.OpenAIError, *PROTOCOL_ERRORS),
        extra_body=limits if settings.url else {"max_completion_tokens": settings.max_tokens},
    )
