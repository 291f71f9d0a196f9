"""Conversations as turns of chat templates, and tools in words."""

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agent.chat_models.chat_text import write_tool_turns, write_turns
from agent.chat_models.tool_calling import OfferedTool
from agent.chat_models.tool_text import HOW_TO_CALL, describe_tools

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


def test_a_template_with_tools_gets_calls_and_results_in_its_own_roles() -> None:
    function = {"name": "estimate_macs", "arguments": {"candidate_id": "c0001"}}
    assert write_tool_turns(HISTORY) == [
        {"role": "system", "content": "You design."},
        {"role": "user", "content": "Price it."},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "name": "estimate_macs", "tool_call_id": "call_1", "content": "84M MACs"},
        {"role": "user", "content": "Go on."},
    ]


def test_a_call_that_was_cut_off_stands_in_the_history_as_it_is() -> None:
    cut = AIMessage("Let me see.", invalid_tool_calls=[{"name": "x", "args": '{"a":', "id": "1", "error": None}])
    for write in (write_turns, write_tool_turns):
        assert write([cut]) == [{"role": "assistant", "content": 'Let me see.\n{"a":'}]


def test_a_note_ends_the_system_turn() -> None:
    assert write_turns(HISTORY, "Note.")[0] == {"role": "system", "content": "You design.\nNote."}
    assert write_turns(HISTORY[1:2], "Note.")[0] == {"role": "system", "content": "Note."}


def test_described_tools_take_one_line_each() -> None:
    properties = {
        "candidate_id": {"type": "string"},
        "why": {},
        "value": {"enum": [1, 2.5, "x", None]},
        "flag": {"anyOf": [{"const": True}, {"$ref": "#/$defs/Other"}]},
    }
    parameters = {"properties": properties, "$defs": {"Other": {"type": ["array", "object"]}}}
    tool = OfferedTool("explain", "Explain a candidate.\nMore.", parameters)
    arguments = "candidate_id: string, why, value: integer|number|string|null, flag: boolean|array|object"
    line = f"Tools:\n- explain({arguments}): Explain a candidate."
    assert describe_tools([tool], may_answer_text=False) == line
    assert describe_tools([tool], may_answer_text=True) == f"{line}\n{HOW_TO_CALL}"
