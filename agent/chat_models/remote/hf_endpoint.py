"""Hugging Face's inference providers and endpoints, through langchain-huggingface."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult
from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint
from typing_extensions import override

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.remote_chat_model import ChatServer
from agent.chat_models.remote.request_failures import PROTOCOL_ERRORS
from agent.chat_models.remote.server_answers import read_answer

HF_URL = "https://router.huggingface.co/v1"


class _Client(ChatHuggingFace):
    """langchain's client with our parsing of answers: its own treats some of a model's mistakes as errors."""

    @override
    def _create_chat_result(self, response: Mapping[str, Any]) -> ChatResult:
        return read_answer(response)


def connect_hf_endpoint(model: str, settings: ChatModelSettings, key: str) -> ChatServer:
    """The endpoint at `settings.url` (None: Hugging Face's router) as a place to ask `model`; nothing is sent yet."""
    place = {"endpoint_url": settings.url} if settings.url else {"repo_id": model}

    @asynccontextmanager
    async def open_client() -> AsyncIterator[BaseChatModel]:
        endpoint = HuggingFaceEndpoint(
            **place,
            huggingfacehub_api_token=key or None,
            temperature=settings.temperature,
            timeout=math.ceil(settings.timeout_seconds),
        )
        async with endpoint.async_client:
            client = _Client(llm=endpoint, temperature=settings.temperature, max_tokens=settings.max_tokens)
            client.model_id = model  # it would send the endpoint's URL as the model's name
            yield client

    return ChatServer(
        address=settings.url or HF_URL,
        key=key,
        key_name="HF_TOKEN",
        open_client=open_client,
        failures=(httpx.HTTPError, *PROTOCOL_ERRORS),
        extra_body={"min_p": settings.min_p} if settings.url else {},
    )
