from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from search_examples import BUDGET, SPACE, make_stages

from nas.errors import SettingError
from nas.space.json_schema import edits_schema, whole_design_schema
from nas.workspace.workspace import Workspace
from tools import (
    build_edit_architecture,
    build_estimate_macs,
    build_estimate_peak_sram,
    build_explain,
    build_mini_train,
    build_pareto_status,
    build_propose_architecture,
)

Open = Callable[..., Workspace]
ABOUT_A_CANDIDATE = (build_estimate_macs, build_estimate_peak_sram, build_mini_train, build_explain)


def call(tool: BaseTool, **arguments: Any) -> ToolMessage:
    message = tool.invoke({"type": "tool_call", "name": tool.name, "args": arguments, "id": "1"})
    assert isinstance(message, ToolMessage)
    return message


def opened(open_workspace: Open, **limits: int) -> Workspace:
    return open_workspace(BUDGET.model_copy(update=limits))


def test_a_proposal_gives_a_candidate_id_the_other_tools_take(open_workspace: Open) -> None:
    workspace = opened(open_workspace)
    proposed = call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())
    assert proposed.text == "candidate c001"
    assert proposed.artifact["candidate"] == "c001"
    macs = call(build_estimate_macs(workspace), candidate_id="c001")
    assert macs.artifact["macs"] == workspace.assess("c001").report.price.macs
    assert macs.artifact["violations"] == []
    sram = call(build_estimate_peak_sram(workspace), candidate_id="c001")
    assert sram.artifact["peak_sram_bytes"] == workspace.assess("c001").report.price.arena_bytes
    trained = call(build_mini_train(workspace), candidate_id="c001")
    assert trained.artifact["state"] == "trained"
    status = call(build_pareto_status(workspace))
    assert [member["id"] for member in status.artifact["front"]] == ["c001"]
    assert "Most accurate: c001" in status.text
    explained = call(build_explain(workspace), candidate_id="c001")
    assert f"{workspace.find('c001').validation_accuracy:.2%}" in explained.text
    json.dumps([message.artifact for message in (proposed, macs, sram, trained, status, explained)])


def test_an_edit_gives_a_new_candidate_id(open_workspace: Open) -> None:
    workspace = opened(open_workspace)
    call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())
    tool = build_edit_architecture(workspace.open_proposal(2), workspace.find("c001"))
    edits = [{"stage": 1, "field": "kernel_size", "value": 5}, {"stage": 2, "field": "skip", "value": True}]
    assert call(tool, candidate_id="c001", edits=edits).artifact["candidate"] == "c002"


@pytest.mark.parametrize(
    "edits",
    [
        [{"stage": 9, "field": "kernel_size", "value": 5}, {"stage": 1, "field": "stride", "value": 2}],
        [{"stage": 1, "field": "colour", "value": 5}, {"stage": 1, "field": "stride", "value": 2}],
        [{"stage": 1, "field": "kernel_size", "value": 4}, {"stage": 1, "field": "stride", "value": 2}],
        [{"stage": 1, "field": "kernel_size", "value": 5}, {"stage": 1, "field": "kernel_size", "value": 7}],
    ],
)
def test_an_edit_outside_the_space_answers_with_the_rule(open_workspace: Open, edits: list[dict[str, Any]]) -> None:
    workspace = opened(open_workspace)
    call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())
    answer = call(
        build_edit_architecture(workspace.open_proposal(2), workspace.find("c001")), candidate_id="c001", edits=edits
    )
    assert answer.artifact["candidate"] is None
    assert "must be" in answer.text


@pytest.mark.parametrize("build", ABOUT_A_CANDIDATE)
def test_an_unknown_candidate_is_an_answer_not_a_crash(open_workspace: Open, build: Any) -> None:
    answer = call(build(opened(open_workspace)), candidate_id="c404")
    assert "must name a known candidate; got 'c404'" in answer.text


@pytest.mark.parametrize("build", ABOUT_A_CANDIDATE)
def test_wrong_arguments_are_an_answer_not_a_crash(open_workspace: Open, build: Any) -> None:
    answer = call(build(opened(open_workspace)), candidate_id=["c001"])
    assert answer.status == "error"
    assert "candidate_id" in answer.text


def test_a_violation_is_told_with_value_limit_cause_and_cheapest_edits(open_workspace: Open) -> None:
    workspace = opened(open_workspace, peak_sram_bytes=4500)
    call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())
    answer = call(build_estimate_peak_sram(workspace), candidate_id="c001")
    violation = answer.artifact["violations"][0]
    assert violation["limit"] == 4500
    assert violation["cause"]["live_tensors"]
    assert "4,500" in answer.text


def test_the_schemas_the_language_model_sees_are_the_search_spaces(open_workspace: Open) -> None:
    workspace = opened(open_workspace)
    propose = convert_to_openai_tool(build_propose_architecture(workspace.open_proposal(1)))["function"]
    seen = propose["parameters"]["properties"]["stages"]
    assert {key: seen[key] for key in whole_design_schema(SPACE)} == whole_design_schema(SPACE)
    assert "Propose a whole architecture" in propose["description"]
    call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())
    parent = workspace.find("c001")
    assert parent.architecture
    edit = convert_to_openai_tool(build_edit_architecture(workspace.open_proposal(2), parent))["function"][
        "parameters"
    ]["properties"]
    expected = edits_schema(SPACE, parent.architecture)
    assert {key: edit["edits"][key] for key in expected} == expected
    assert edit["candidate_id"]["const"] == "c001"


def test_a_full_disk_ends_the_run_instead_of_becoming_feedback(
    open_workspace: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = opened(open_workspace)
    call(build_propose_architecture(workspace.open_proposal(1)), stages=make_stages())

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("nas.training.weights.save_file", fail)
        with pytest.raises(SettingError, match="No space left"):
            call(build_mini_train(workspace), candidate_id="c001")
    assert call(build_mini_train(workspace), candidate_id="c001").artifact["state"] == "trained"
