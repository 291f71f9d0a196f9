"""Chat templates that know tools: recognized, asked in their own words, answered in their own spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from sample_tools import edit_tool, whole_tool
from tool_templates import FORGETFUL, HERMES, LLAMA, STRICT_IDS

from agent.chat_models.call_format import COMPACT, CallFormat, compact_json
from agent.chat_models.local.local_chat_model import LocalChatModel
from agent.chat_models.tool_calling import OfferedTool
from nas.errors import ChatModelError

Tiny = Callable[..., LocalChatModel]
CALL = {"name": "estimate_macs", "args": {"candidate_id": "c0007", "unit": "M"}, "id": "call_1"}
HISTORY = [
    SystemMessage("You design."),
    HumanMessage("Improve on c0007."),
    AIMessage("", tool_calls=[CALL]),
    ToolMessage("84M MACs", tool_call_id="call_1"),
    HumanMessage("Go on."),
]
SPELLED = {
    HERMES: CallFormat('<tool_call>\n{"name": "', '", "arguments": ', "}\n</tool_call>", ", ", ": "),
    LLAMA: CallFormat('{"name": "', '", "parameters": ', "}", ", ", ": "),
}


@pytest.mark.parametrize("template", SPELLED, ids=["hermes", "llama"])
def test_a_templates_own_spelling_of_calls_is_found(open_tiny: Tiny, template: str) -> None:
    known = open_tiny(template).engine.template
    assert known.knows_tools
    assert known.call_format == SPELLED[template]


@pytest.mark.parametrize("template", [FORGETFUL, STRICT_IDS], ids=["forgets calls", "calls hold ids"])
def test_a_template_whose_calls_cannot_be_read_back_is_told_of_tools_in_words(open_tiny: Tiny, template: str) -> None:
    known = open_tiny(template).engine.template
    assert (known.knows_tools, known.call_format) == (False, COMPACT)
    tool = OfferedTool("explain", "Explain.", {"properties": {}})
    assert "- explain(): Explain." in known.write_prompt(HISTORY, [tool], may_answer_text=False)


def test_the_embedded_models_template_knows_no_tools(smollm2: LocalChatModel) -> None:
    assert not smollm2.engine.template.knows_tools


def test_tools_calls_and_results_are_written_by_the_template(open_tiny: Tiny) -> None:
    tool = OfferedTool("estimate_macs", "Estimate.", {"type": "object", "properties": {}})
    prompt = open_tiny(HERMES).engine.template.write_prompt(HISTORY, [tool], may_answer_text=True)
    assert f"<tools>{json.dumps(tool.to_spec())}</tools>" in prompt
    assert '<tool_call>\n{"name": "estimate_macs", "arguments": {"candidate_id": "c0007", "unit": "M"}}' in prompt
    assert "<tool_response>\n84M MACs\n</tool_response>" in prompt
    assert prompt.endswith("<|im_start|>assistant\n")  # and no <think>


@pytest.mark.parametrize(
    ("template", "control_tokens"), [(HERMES, False), (HERMES, True), (LLAMA, False)], ids=["marks", "control", "json"]
)
def test_a_call_is_decoded_in_the_templates_spelling(open_tiny: Tiny, template: str, control_tokens: bool) -> None:
    model = open_tiny(template, control_tokens=control_tokens)
    bound = model.bind_tools([edit_tool(), whole_tool()], tool_choice="edit_architecture")
    answer = bound.invoke(HISTORY, seed=1)
    arguments = answer.tool_calls[0]["args"]
    assert arguments["candidate_id"] == "c0007"
    assert len(arguments["edits"]) in (2, 3)
    assert "".join(
        part.tool_call_chunks[0]["args"] for part in bound.stream(HISTORY, seed=1) if part.tool_call_chunks
    ) == (json.dumps(arguments))
    spelled = model.engine.template.call_format.head("edit_architecture") + json.dumps(arguments)
    spelled += model.engine.template.call_format.closing
    assert answer.usage_metadata["output_tokens"] >= len(model.engine.tokenizer(spelled).input_ids)


def test_a_conversation_the_template_refuses_is_one_line(open_tiny: Tiny) -> None:
    two = AIMessage("", tool_calls=[CALL, {**CALL, "id": "call_2"}])
    with pytest.raises(
        ChatModelError, match="must accept the conversation: This model only supports single tool-calls"
    ):
        open_tiny(LLAMA).invoke([HISTORY[1], two])


@pytest.mark.parametrize(
    ("opening", "sign", "may_follow_text"),
    [
        ('<tool_call>\n{"name": "', "<tool_call>", True),
        ('[TOOL_CALLS] [{"name": "', "[TOOL_CALLS]", True),
        ("<function=", "<function=", True),
        ('{"name":"', '{"name"', False),
        ('{ "type": "function", "name": "', '{ "type"', False),
    ],
)
def test_the_sign_of_a_call_is_a_mark_or_the_first_key(opening: str, sign: str, may_follow_text: bool) -> None:
    spelled = CallFormat(opening, "", "")
    assert (spelled.sign, spelled.may_follow_text) == (sign, may_follow_text)


@pytest.mark.parametrize("value", [{"a b": [1, ' x\\" y ', {"c": None}], "d": 0.5}, [], {}])
def test_json_is_compacted_outside_strings_wherever_it_ends(value: Any) -> None:
    text, compact = json.dumps(value), json.dumps(value, separators=(",", ":"))
    for length in range(len(text) + 1):
        assert compact.startswith(compact_json(text[:length]))
    assert compact_json(text) == compact
