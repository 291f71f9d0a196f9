"""What every chat model here shares about tools: binding them, and which of them an answer may call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from typing_extensions import override

from agent.chat_models.mask_protocol import collect_masks
from nas.errors import SettingError

ANY_TOOL = ("any", "required")  # langchain's word and OpenAI's
TEXT_OR_TOOL = "auto"


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool an answer may call: its name, what it does, and the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]

    def to_spec(self) -> dict[str, Any]:
        """The tool as OpenAI specifies it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


class ToolCallingChatModel(BaseChatModel):
    """A chat model whose answer, once tools are bound, is a call of one of them, or with "auto" a text."""

    @override
    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model, forced to call the tool named `tool_choice`, or any of `tools` ("any", "required" or None).

        With "auto" it may answer with text instead. Masks that tools carry narrow what a local model may write.
        """
        specs = [convert_to_openai_tool(tool) for tool in tools]
        offer_tools(specs, tool_choice)  # a wrong choice is reported here, not at the first call
        if masks := collect_masks(tools):
            kwargs["masks"] = masks
        return self.bind(tools=specs, tool_choice=tool_choice, **kwargs)


def offer_tools(specs: Sequence[dict[str, Any]], tool_choice: str | None) -> tuple[OfferedTool, ...]:
    """The tools an answer may call, from OpenAI tool specifications; raises SettingError for an unknown choice."""
    tools = tuple(_read_spec(spec) for spec in specs)
    if tool_choice is None or tool_choice == TEXT_OR_TOOL or tool_choice in ANY_TOOL:
        return tools
    chosen = tuple(tool for tool in tools if tool.name == tool_choice)
    if not chosen:
        names = ", ".join(tool.name for tool in tools)
        raise SettingError(f'tool_choice must be "any", "auto" or one of {names}; got {tool_choice!r}')
    return chosen


def _read_spec(spec: dict[str, Any]) -> OfferedTool:
    function = spec["function"]
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return OfferedTool(function["name"], function.get("description", ""), parameters)
