"""A local transformers model as a langchain chat model with reliable tool calls."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from typing_extensions import override

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.local.constrained_answers import Ends, Piece, write_either, write_text
from agent.chat_models.local.continuation import Continuation, DrawSettings
from agent.chat_models.local.engine import CausalEngine
from agent.chat_models.local.matcher import AnswerMatcher, CallRules
from agent.chat_models.mask_protocol import Mask
from agent.chat_models.sampling import seeded
from agent.chat_models.tool_calling import TEXT_OR_TOOL, OfferedTool, ToolCallingChatModel, offer_tools
from nas.errors import ConversationTooLongError


class LocalChatModel(ToolCallingChatModel):
    """Answers with a call of a bound tool, decoded under the tool's schema and mask, or with text.

    The answer is a function of the messages, the tools, `settings.seed` and the `seed` given at the call, whatever
    was asked before (for one machine and one number of torch threads). Calls from several threads take turns: a whole
    answer at a time, or a piece at a time where it is streamed.
    """

    engine: CausalEngine
    settings: ChatModelSettings = ChatModelSettings()
    model_name: str = "local"

    @property
    @override
    def _llm_type(self) -> str:
        return "kilosmith-local"

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
        with self.engine.lock:
            return generate_from_stream(self._write(messages, stop or (), **kwargs))

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        chunks = self._write(messages, stop or (), **kwargs)
        while True:
            with self.engine.lock:  # never across a yield: a reader may stop, or ask something else meanwhile
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    def _write(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str],
        *,
        tools: Sequence[dict[str, Any]] = (),
        tool_choice: str | None = None,
        masks: Mapping[str, Mask] | None = None,
        seed: int = 0,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """The answer in pieces; its cost comes with the last one."""
        started = time.perf_counter()
        offered = offer_tools(tools, tool_choice)
        rules = CallRules(offered, self.engine.template.call_format, masks, or_text=tool_choice == TEXT_OR_TOOL)
        prompt = self._prompt_tokens(messages, rules)
        # the id is a function of the question, as the answer is: a repeated run must repeat its records
        asked = [prompt, self.settings.seed, seed, [tool.to_spec() for tool in offered]]
        call_id: str | None = f"call_{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]}"
        draw = DrawSettings(self.settings.temperature, self.settings.min_p)
        with closing(Continuation(self.engine, prompt, seeded(self.settings.seed, seed), draw)) as writer:
            for piece in self._pieces(writer, rules, stop):
                yield ChatGenerationChunk(message=_write_chunk(piece, call_id))
                call_id = None if not piece.text else call_id  # only once: chunks are merged
        usage = UsageMetadata(
            input_tokens=len(prompt), output_tokens=writer.num_written, total_tokens=len(prompt) + writer.num_written
        )
        metadata = {
            "model_name": self.model_name,
            "model_calls": writer.model_calls,
            "seconds": round(time.perf_counter() - started, 3),
            "cached_prompt_tokens": min(writer.cached_prompt_tokens, len(prompt)),
        }
        last = AIMessageChunk(content="", usage_metadata=usage, response_metadata=metadata, chunk_position="last")
        yield ChatGenerationChunk(message=last)

    def _pieces(self, writer: Continuation, rules: CallRules, stop: Sequence[str]) -> Iterator[Piece]:
        engine = self.engine
        ends = Ends(engine.stop_tokens, stop, self.settings.max_tokens)
        if not rules.tools:
            return write_text(engine.vocabulary, writer, ends)
        matcher = AnswerMatcher(engine.vocabulary, rules)
        return write_either(engine.vocabulary, matcher, writer, ends)

    def _prompt_tokens(self, messages: Sequence[BaseMessage], rules: CallRules) -> list[int]:
        text = self.engine.template.write_prompt(messages, self._described(rules), may_answer_text=rules.or_text)
        tokens: list[int] = self.engine.tokenizer(text, add_special_tokens=False).input_ids
        limit = self.engine.context_tokens
        if limit is not None and len(tokens) >= limit:
            rule = f"a prompt must leave room in {self.model_name}'s context of {limit} tokens"
            remedy = "shorten it or choose a model with a longer context"
            raise ConversationTooLongError(f"{rule}; got {len(tokens)}: {remedy}")
        return tokens

    def _described(self, rules: CallRules) -> Sequence[OfferedTool]:
        """The tools the prompt describes: a single forced one needs no words, its grammar says it all."""
        is_open = rules.or_text or len(rules.tools) > 1
        return rules.tools if is_open or self.settings.describe_tools else ()


def _write_chunk(piece: Piece, call_id: str | None) -> AIMessageChunk:
    if piece.text:
        return AIMessageChunk(content=piece.text)
    part = tool_call_chunk(name=piece.name or None, args=piece.arguments, id=call_id, index=0)
    return AIMessageChunk(content="", tool_call_chunks=[part])
