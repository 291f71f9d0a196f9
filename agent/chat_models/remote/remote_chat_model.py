"""A chat model behind a server: bounded attempts, strict deadlines, and tool calls in whichever form it supports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import add_usage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field, InstanceOf, PrivateAttr
from typing_extensions import override

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.request_failures import RequestFailure, read_failure, summarize
from agent.chat_models.remote.schema_calls import call_format, plain_messages, read_call
from agent.chat_models.remote.server_history import mend_history
from agent.chat_models.tool_calling import TEXT_OR_TOOL, OfferedTool, ToolCallingChatModel, offer_tools
from nas.errors import ChatModelError, ConversationTooLongError

LONGEST_PAUSE_SECONDS = 20.0
SEEDS = 2**32  # llama.cpp's seeds have 32 bits

Calls = Literal["native", "json_schema"]


@dataclass(frozen=True)
class ChatServer:
    """Where requests go. `open_client` opens a new client for every request: an event loop must not be reused.

    `failures` are what the client raises when a request fails; `extra_body` is sent in addition to its own fields.
    """

    address: str
    key_name: str
    key: str = field(repr=False)
    open_client: Callable[[], AbstractAsyncContextManager[BaseChatModel]] = field(repr=False)
    failures: tuple[type[Exception], ...]
    extra_body: dict[str, Any]


@dataclass(frozen=True)
class _Question:
    """What is asked, however tools are called; `is_forced` if the answer must be a call."""

    messages: tuple[BaseMessage, ...]
    tools: tuple[OfferedTool, ...]
    is_forced: bool
    seed: int
    stop: list[str] | None


class _RefusedError(ChatModelError):
    """The server refused the request, and would do so again."""

    def __init__(self, message: str, failure: RequestFailure) -> None:
        super().__init__(message)
        self.failure = failure


class RemoteChatModel(ToolCallingChatModel):
    """Answers of a server. Each request may take `settings.timeout_seconds` in all, connection and body included.

    Transient failures (no connection, no answer in time, HTTP 408, 409, 429 and 5xx, unreadable answers) are retried
    after growing pauses until `settings.max_failures` requests in a row have failed; that and any other failure raise
    ChatModelError. Failed requests are listed, a line each, in the answer's `response_metadata["failed_attempts"]`.
    """

    server: InstanceOf[ChatServer] = Field(exclude=True, repr=False)
    settings: ChatModelSettings = ChatModelSettings()
    model_name: str = "remote"
    pause: Callable[[float], Awaitable[None]] = Field(default=asyncio.sleep, exclude=True, repr=False)

    # how this server calls tools, once an answer has shown it
    _learned: Calls | None = PrivateAttr(default=None)

    @property
    @override
    def _llm_type(self) -> str:
        return "kilosmith-remote"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, **self.settings.model_dump()}

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return asyncio.run(self._agenerate(messages, stop, **kwargs))

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> ChatResult:
        offered = offer_tools(tools, tool_choice)
        forced = bool(offered) and tool_choice != TEXT_OR_TOOL
        seed = (self.settings.seed + seed) % SEEDS
        question = _Question(tuple(messages), offered, forced, seed, stop)
        failed: list[str] = []
        answer = await self._answer(question, failed)
        if failed:
            answer.response_metadata["failed_attempts"] = failed
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _answer(self, question: _Question, failed: list[str]) -> AIMessage:
        """The answer, its tool calls in the form that is set or, with `calls` = "auto", in one that works."""
        calls = self.settings.calls
        if not question.tools or calls == "native":
            return await self._ask(question, "native", failed)
        if "json_schema" in (calls, self._learned):
            return await self._ask(question, "json_schema", failed)
        try:
            answer = await self._ask(question, "native", failed)
        except _RefusedError as error:
            if not error.failure.is_about_tools:
                raise
            return await self._ask_without_tools(question, error.failure, failed)
        if answer.tool_calls:
            self._learned = "native"
        if answer.tool_calls or answer.invalid_tool_calls or not question.is_forced or _is_refusal(answer):
            return answer
        return await self._ask_again(question, answer, failed)

    async def _ask_without_tools(self, question: _Question, first: RequestFailure, failed: list[str]) -> AIMessage:
        """Ask with a JSON schema what the server refused because of its tools."""
        failed.append(f"{first.reason}; asked again with a JSON schema")
        try:
            answer = await self._ask(question, "json_schema", failed)
        except _RefusedError as error:
            rule = f"{self.server.address} must call tools or keep to a JSON schema"
            found = f"it refused both ({first.reason}; {error.failure.reason})"
            raise ChatModelError(f"{rule}; {found}: choose another server or model") from error
        self._learned = self._learned or "json_schema"
        return answer

    async def _ask_again(self, question: _Question, first: AIMessage, failed: list[str]) -> AIMessage:
        """Ask with a JSON schema what was answered without the forced call; the first answer if that is refused.

        A server that has called a tool before still can: it is asked natively the next time.
        """
        failed.append("the answer held no tool call; asked again with a JSON schema")
        try:
            answer = await self._ask(question, "json_schema", failed)
        except _RefusedError as error:
            failed.append(error.failure.reason)
            return first
        if answer.tool_calls and self._learned is None:
            self._learned = "json_schema"
        if first.usage_metadata is not None:
            answer.usage_metadata = add_usage(first.usage_metadata, answer.usage_metadata)
        return answer

    async def _ask(self, question: _Question, calls: Calls, failed: list[str]) -> AIMessage:
        """One answer, in as many requests as it takes and the settings allow; failed ones are added to `failed`."""
        messages, options = self._write_request(question, calls)
        in_a_row: list[RequestFailure] = []
        while True:
            try:
                answer = await self._send(messages, options)
                break
            except self.server.failures as error:
                failure = read_failure(error, timeout_seconds=self.settings.timeout_seconds, secret=self.server.key)
                self._give_up_if_hopeless(failure, [*in_a_row, failure], error)
            in_a_row.append(failure)
            failed.append(failure.reason)
            await self.pause(_pause_seconds(failure, len(in_a_row)))
        if calls == "json_schema" and question.tools:
            written = read_call(str(answer.text), salt=str(question.seed))
            answer.content = ""
            answer.tool_calls, answer.invalid_tool_calls = list(written.valid), list(written.invalid)
        answer.response_metadata["calls"] = calls
        return answer

    def _write_request(self, question: _Question, calls: Calls) -> tuple[list[BaseMessage], dict[str, Any]]:
        """The messages and the client's keyword arguments."""
        history = mend_history(question.messages)
        options: dict[str, Any] = {"seed": question.seed, "extra_body": self.server.extra_body}
        if question.stop:
            options["stop"] = question.stop
        if not question.tools:
            return history, options
        if calls == "json_schema":
            # in extra_body: given as an argument, openai's client would parse the answer and raise where it cannot
            options["extra_body"] = self.server.extra_body | {"response_format": call_format(question.tools)}
            return plain_messages(history, question.tools), options
        # a forced tool is the only one sent: llama.cpp accepts no name for tool_choice, Ollama ignores it
        options["tools"] = [tool.to_spec() for tool in question.tools]
        options["tool_choice"] = "required" if question.is_forced else "auto"
        return history, options

    async def _send(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        """One request's answer; the deadline covers everything, so that a trickle of bytes cannot stretch it."""
        async with asyncio.timeout(self.settings.timeout_seconds), self.server.open_client() as client:
            # no callbacks: listeners of this model must not see a second one
            return await client.ainvoke(messages, {"callbacks": []}, **options)

    def _give_up_if_hopeless(
        self, failure: RequestFailure, in_a_row: Sequence[RequestFailure], error: Exception
    ) -> None:
        """Raise unless the request may be tried again."""
        address = self.server.address
        cannot_call = failure.is_about_tools and self.settings.calls == "auto" and self._learned is None
        if failure.is_about_length:
            line = f"the conversation must fit {self.model_name}'s context; {address} refused it ({failure.reason})"
            raise ConversationTooLongError(f"{line}: choose a model with a longer context") from error
        if cannot_call or not failure.is_passing:
            line = f"{address} refused the request ({failure.reason}): {self._remedy(failure)}"
            raise _RefusedError(line, failure) from error
        if len(in_a_row) >= self.settings.max_failures:
            requests = "1 request" if len(in_a_row) == 1 else f"{len(in_a_row)} requests in a row"
            line = f"{requests} to {address} failed ({summarize(in_a_row)}): {self._remedy(failure)}"
            raise ChatModelError(line) from error

    def _remedy(self, failure: RequestFailure) -> str:
        match failure.status:
            case 401 | 403:
                return f"set {self.server.key_name} to a key that may use {self.model_name}"
            case 404:
                return f"check the model's name ({self.model_name}) and --llm-url"
            case 429:
                return "wait or raise the account's limits, then resume"
            case int(status) if status < 500:
                return "change the [llm] settings or the chat model"
        if failure.reason.startswith("timed out"):
            return "check the server or raise llm.timeout_seconds, then resume"
        return "check the server, then resume"


def _is_refusal(answer: AIMessage) -> bool:
    """Whether the model declined to answer, which asking in another form does not change."""
    return "refusal" in answer.response_metadata or answer.response_metadata.get("finish_reason") == "content_filter"


def _pause_seconds(failure: RequestFailure, num_failed: int) -> float:
    """The seconds the server asked for, else 1, 2, 4, ...; never more than `LONGEST_PAUSE_SECONDS`."""
    asked = failure.retry_after_seconds
    return min(LONGEST_PAUSE_SECONDS, 2.0 ** (num_failed - 1) if asked is None else asked)
