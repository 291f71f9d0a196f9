"""A local transformers model as a langchain chat model with reliable tool calls."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr
from typing_extensions import override

from agent.chat_models.chat_text import write_turns
from agent.chat_models.engine import CausalEngine, Continuation, DrawSettings
from agent.chat_models.grammar import CallMatcher, wrap_tokenizer, write_call
from agent.chat_models.sampling import seeded
from agent.chat_models.settings import ChatModelSettings
from agent.chat_models.tool_calling import OfferedTool, ToolCallingChatModel, offer_tools
from nas.errors import ChatModelError


class LocalChatModel(ToolCallingChatModel):
    """Answers with a call of a bound tool, decoded under the tool's schema, or with text when none is bound.

    The answer is a function of the messages, the tools, `settings.seed` and the `seed` given at the call, whatever
    was asked before (for one machine and one number of torch threads). Calls from several threads take turns.
    """

    engine: CausalEngine
    settings: ChatModelSettings = ChatModelSettings()
    model_name: str = "local"

    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @property
    @override
    def _llm_type(self) -> str:
        return "kilosmith-local"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, **self.settings.model_dump()}

    @cached_property
    def _grammar_tokenizer(self) -> Any:
        return wrap_tokenizer(self.engine.tokenizer, self.engine.num_tokens)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> ChatResult:
        offered = offer_tools(tools, tool_choice)
        with self._lock:
            started = time.perf_counter()
            prompt = self._prompt_tokens(messages, offered)
            draw = DrawSettings(self.settings.temperature, self.settings.min_p)
            writer = Continuation(self.engine, prompt, seeded(self.settings.seed, seed), draw)
            if offered:
                message, num_written = self._write_call(writer, offered, prompt)
            else:
                message, num_written = self._write_text(writer, stop or [])
            seconds = time.perf_counter() - started
        message.usage_metadata = UsageMetadata(
            input_tokens=len(prompt), output_tokens=num_written, total_tokens=len(prompt) + num_written
        )
        message.response_metadata = {
            "model_name": self.model_name,
            "model_calls": writer.model_calls,
            "seconds": round(seconds, 3),
            "cached_prompt_tokens": min(writer.cached_prompt_tokens, len(prompt)),
        }
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _prompt_tokens(self, messages: list[BaseMessage], offered: Sequence[OfferedTool]) -> list[int]:
        from jinja2 import TemplateError

        turns = write_turns(messages, offered if self.settings.describe_tools else ())
        tokenizer = self.engine.tokenizer
        try:
            text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        except (TemplateError, ValueError) as error:
            raise ChatModelError(f"{self.model_name}'s chat template must accept the conversation: {error}") from error
        tokens: list[int] = tokenizer(text, add_special_tokens=False).input_ids
        limit = self.engine.context_tokens
        if limit is not None and len(tokens) >= limit:
            rule = f"a prompt must leave room in {self.model_name}'s context of {limit} tokens"
            raise ChatModelError(f"{rule}; got {len(tokens)}: shorten it or choose a model with a longer context")
        return tokens

    def _write_call(
        self, writer: Continuation, offered: Sequence[OfferedTool], prompt: list[int]
    ) -> tuple[AIMessage, int]:
        matcher = CallMatcher(self._grammar_tokenizer, offered)
        call = write_call(matcher, writer, max_tokens=self.settings.max_tokens)
        # the id is a function of what was asked and answered: a repeated run must repeat its records
        digest = hashlib.sha256(json.dumps([prompt, matcher.written]).encode()).hexdigest()
        made = tool_call(name=call["name"], args=call["arguments"], id=f"call_{digest[:16]}")
        return AIMessage(content="", tool_calls=[made]), len(matcher.written)

    def _write_text(self, writer: Continuation, stop: list[str]) -> tuple[AIMessage, int]:
        written: list[int] = []
        text = ""
        while len(written) < self.settings.max_tokens:
            token = writer.choose()
            written.append(token)
            if token in self.engine.stop_tokens():
                break
            text = self.engine.tokenizer.decode(written, skip_special_tokens=True)
            ends = [text.index(mark) for mark in stop if mark in text]
            if ends:
                text = text[: min(ends)]
                break
        return AIMessage(content=text), len(written)
