"""A chat model that talks to a test server, two tools, and what a good answer is."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from openai_server import OpenAIServer, calls
from sample_tools import edit_tool, whole_tool

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.remote.openai_client import connect_openai
from agent.chat_models.remote.remote_chat_model import RemoteChatModel

KEY = "sk-quite-secret-7"
NAME = "propose_architecture"
ARGUMENTS = {"stages": [1]}
GOOD = calls((NAME, ARGUMENTS))
HISTORY = [SystemMessage("You design."), HumanMessage("Design one.")]

CALL = {"name": "estimate_macs", "args": {"candidate_id": "c0001"}, "id": "call_1"}
BROKEN = {"name": "explain", "args": '{"candi', "id": "call_2", "error": "cut off"}


class Remote:
    """A model that talks to a test server, and the pauses it made."""

    def __init__(self, server: OpenAIServer, **settings: Any) -> None:
        self.pauses: list[float] = []
        chosen = ChatModelSettings(url=server.url, **({"timeout_seconds": 120} | settings))
        self.model = RemoteChatModel(
            server=connect_openai("test", chosen, KEY), settings=chosen, model_name="openai:test", pause=self._pause
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def ask(self, choice: str = NAME, messages: list[BaseMessage] = HISTORY) -> AIMessage:
        tools = [whole_tool(), edit_tool()]
        return self.model.bind_tools(tools, tool_choice=choice).invoke(messages, seed=7, index=3)
