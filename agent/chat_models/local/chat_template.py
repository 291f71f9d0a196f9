"""A tokenizer's chat template: the text of a prompt, and how it spells tool calls where it knows tools."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from agent.chat_models.call_format import (
    COMPACT,
    PROBE_ARGUMENTS,
    PROBE_ID,
    PROBE_NAME,
    CallFormat,
    read_call_format,
)
from agent.chat_models.chat_text import write_call_field, write_tool_turns, write_turns
from agent.chat_models.tool_calling import OfferedTool
from agent.chat_models.tool_text import describe_tools
from nas.errors import ChatModelError

PROBE_RESULT = "probe result"


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """`call_format` is the template's own where `knows_tools`, else compact JSON."""

    tokenizer: Any
    knows_tools: bool
    call_format: CallFormat

    def write_prompt(
        self, messages: Sequence[BaseMessage], described: Sequence[OfferedTool], *, may_answer_text: bool
    ) -> str:
        """The conversation up to where the answer begins, with the `described` tools.

        Raises ChatModelError where the template refuses the conversation.
        """
        from jinja2 import TemplateError

        if self.knows_tools:
            turns, specs = write_tool_turns(messages), [tool.to_spec() for tool in described]
        else:
            note = describe_tools(described, may_answer_text=may_answer_text) if described else ""
            turns, specs = write_turns(messages, note), []
        try:
            return _render(self.tokenizer, turns, specs)
        except (TemplateError, TypeError, ValueError) as error:
            raise ChatModelError(f"the model's chat template must accept the conversation: {error}") from error


def read_chat_template(tokenizer: Any, ends: Collection[str]) -> ChatTemplate:
    """The tokenizer's template; `ends` are the texts of the tokens that end a turn.

    It knows tools if it renders an offered tool, a call in a format that can be read back, and a tool's result. Found
    by rendering a probe: templates share no other sign of it.
    """
    from jinja2 import TemplateError

    try:
        call_format = _probe(tokenizer, ends)
    except (TemplateError, TypeError, ValueError, LookupError, AttributeError):  # whatever a template trips over
        call_format = None
    return ChatTemplate(tokenizer, call_format is not None, call_format or COMPACT)


def _probe(tokenizer: Any, ends: Collection[str]) -> CallFormat | None:
    specs = [OfferedTool(PROBE_NAME, "Probe.", {"type": "object", "properties": {}}).to_spec()]
    asked: list[dict[str, Any]] = [{"role": "user", "content": "Hello."}]
    call = write_call_field(PROBE_NAME, PROBE_ARGUMENTS, PROBE_ID)
    called = [*asked, {"role": "assistant", "content": "", "tool_calls": [call]}]
    result = {"role": "tool", "name": PROBE_NAME, "tool_call_id": PROBE_ID, "content": PROBE_RESULT}
    prompt = _render(tokenizer, asked, specs)
    whole = _render(tokenizer, called, specs, open_answer=False)
    answered = _render(tokenizer, [*called, result], specs)
    if PROBE_NAME not in prompt or PROBE_RESULT not in answered or not whole.startswith(prompt):
        return None
    return read_call_format(whole.removeprefix(prompt), ends)


def _render(
    tokenizer: Any, turns: list[dict[str, Any]], specs: list[dict[str, Any]], *, open_answer: bool = True
) -> str:
    # Thinking is off where a template has the switch: a call decoded under a grammar leaves no room for it.
    return str(
        tokenizer.apply_chat_template(
            turns, tools=specs or None, tokenize=False, add_generation_prompt=open_answer, enable_thinking=False
        )
    )
