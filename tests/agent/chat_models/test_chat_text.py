"""Conversations as turns of a chat template that knows no tools."""

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agent.chat_models.chat_text import write_turns
from agent.chat_models.tool_calling import OfferedTool

CALL = {"name": "estimate_macs", "args": {"candidate_id": "c0001"}, "id": "call_1"}
HISTORY = [
    SystemMessage("You design."),
    HumanMessage("Price it."),
    AIMessage("", tool_calls=[CALL]),
    ToolMessage("84M MACs", tool_call_id="call_1"),
    HumanMessage("Go on."),
]


def test_calls_become_json_and_results_the_users_words() -> None:
    assert write_turns(HISTORY) == [
        {"role": "system", "content": "You design."},
        {"role": "user", "content": "Price it."},
        {"role": "assistant", "content": '{"name":"estimate_macs","arguments":{"candidate_id":"c0001"}}'},
        {"role": "user", "content": "Result of estimate_macs: 84M MACs\nGo on."},
    ]


def test_described_tools_take_one_line_each() -> None:
    tool = OfferedTool("explain", "Explain a candidate.\nMore.", {"properties": {"candidate_id": {}, "why": {}}})
    line = "Tools:\n- explain(candidate_id, why): Explain a candidate."
    assert write_turns(HISTORY, [tool])[0] == {"role": "system", "content": f"You design.\n{line}"}
    assert write_turns(HISTORY[1:2], [tool])[0] == {"role": "system", "content": line}
