"""Recorded answers in place of a chat model, for tests and demonstrations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.tool import tool_call
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, ConfigDict, PrivateAttr, TypeAdapter, ValidationError, model_validator
from typing_extensions import override

from agent.chat_models.tool_calling import ToolCallingChatModel
from nas.errors import ChatModelError, SettingError


class RecordedCall(BaseModel):
    """A tool call of a recorded answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    args: dict[str, Any]


class RecordedAnswer(BaseModel):
    """One recorded answer: tool calls, a text, both, or an error to raise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool_calls: tuple[RecordedCall, ...] = ()
    content: str = ""
    error: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _must_say_something(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data:
            raise ValueError("needs tool_calls, content or error")
        return data


class ScriptedChatModel(ToolCallingChatModel):
    """Gives the recorded answers in order, or the one whose `index` (from 0) is given at the call.

    Bound tools are accepted and ignored: a script may also hold wrong calls.
    """

    answers: tuple[RecordedAnswer, ...]
    model_name: str = "scripted"

    _next: int = PrivateAttr(default=0)

    @property
    @override
    def _llm_type(self) -> str:
        return "kilosmith-scripted"

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        index: int | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        position = self._next if index is None else index
        self._next = position + 1
        if not 0 <= position < len(self.answers):
            rule = f"{self.model_name} holds {len(self.answers)} answers; answer {position + 1} was asked for"
            raise ChatModelError(f"{rule}: record more, or end the run earlier")
        answer = self.answers[position]
        if answer.error is not None:
            raise ChatModelError(answer.error)
        calls = [
            tool_call(name=call.name, args=call.args, id=f"call_{position}_{number}")
            for number, call in enumerate(answer.tool_calls)
        ]
        message = AIMessage(content=answer.content, tool_calls=calls, response_metadata={"model_name": self.model_name})
        return ChatResult(generations=[ChatGeneration(message=message)])


def load_scripted(path: Path) -> ScriptedChatModel:
    """The chat model that gives the answers recorded in `path`, a JSON list; raises SettingError for a wrong file."""
    form = "a scripted chat model needs a JSON list of answers"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        answers: Sequence[RecordedAnswer] = TypeAdapter(tuple[RecordedAnswer, ...]).validate_python(data)
    except OSError as error:
        raise SettingError(f"{form}; cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingError(f"{form}; {path}: {place}: {first['msg']}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise SettingError(f"{form}; {path}: {error}") from error
    return ScriptedChatModel(answers=tuple(answers), model_name=f"scripted:{path.name}")
