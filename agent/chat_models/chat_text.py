"""A conversation as the turns of a chat template that knows neither tools nor tool results."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from agent.chat_models.grammar import call_text
from agent.chat_models.tool_calling import OfferedTool
from nas.errors import SettingError


def write_turns(messages: Sequence[BaseMessage], described_tools: Sequence[OfferedTool] = ()) -> list[dict[str, str]]:
    """The turns (role, content): tool calls as JSON, tool results as the user's words.

    Neighbours of one role become one turn. `described_tools` are listed, a line each, in the system turn.
    """
    turns: list[dict[str, str]] = []
    names: dict[str, str] = {}
    for message in messages:
        if isinstance(message, AIMessage):
            names |= {call["id"]: call["name"] for call in message.tool_calls if call["id"]}
        turn = _turn(message, names)
        if turns and turns[-1]["role"] == turn["role"]:
            turns[-1]["content"] += "\n" + turn["content"]
        else:
            turns.append(turn)
    if described_tools:
        _describe(turns, described_tools)
    return turns


def _turn(message: BaseMessage, names: dict[str, str]) -> dict[str, str]:
    text = str(message.text)
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": text}
    if isinstance(message, HumanMessage):
        return {"role": "user", "content": text}
    if isinstance(message, AIMessage):
        calls = [call_text(call["name"], call["args"]) for call in message.tool_calls]
        return {"role": "assistant", "content": "\n".join([text, *calls] if text else calls)}
    if isinstance(message, ToolMessage):
        tool = message.name or names.get(message.tool_call_id, "the tool")
        return {"role": "user", "content": f"Result of {tool}: {text}"}
    if isinstance(message, ChatMessage):
        return {"role": message.role, "content": text}
    raise SettingError(f"messages must be system, human, ai, tool or chat messages; got {message.type}")


def _describe(turns: list[dict[str, str]], tools: Sequence[OfferedTool]) -> None:
    lines = []
    for tool in tools:
        arguments = ", ".join(tool.parameters.get("properties", {}))
        lines.append(f"- {tool.name}({arguments}): {tool.description.splitlines()[0] if tool.description else ''}")
    text = "Tools:\n" + "\n".join(lines)
    if turns and turns[0]["role"] == "system":
        turns[0]["content"] += "\n" + text
    else:
        turns.insert(0, {"role": "system", "content": text})
