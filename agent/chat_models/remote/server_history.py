"""A conversation as servers with native tool calls accept it."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.tool import tool_call

from agent.chat_models.call_format import COMPACT


def mend_history(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages with every call readable and answered: servers refuse any other conversation.

    A call that no tool message answers becomes text; an unreadable one that was answered carries its raw text as an
    argument, so that the model sees its mistake next to the answer.
    """
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    return [_mend(message, answered) if isinstance(message, AIMessage) else message for message in messages]


def _mend(message: AIMessage, answered: set[str]) -> AIMessage:
    calls = [call for call in message.tool_calls if call["id"] in answered]
    texts = [str(message.text)] if message.text else []
    texts += [COMPACT.write(call["name"], call["args"]) for call in message.tool_calls if call["id"] not in answered]
    for call in message.invalid_tool_calls:
        name, written = call["name"] or "unknown", call["args"] or ""
        if call["id"] in answered:
            calls.append(tool_call(name=name, args={"unreadable": written}, id=call["id"]))
        else:
            texts.append(f"{name}: {written}")
    return AIMessage(content="\n".join(texts), tool_calls=calls)
