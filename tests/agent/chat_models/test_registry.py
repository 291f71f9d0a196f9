"""From --llm to a chat model; recorded answers and their files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.chat_models.registry import open_chat_model
from agent.chat_models.scripted import load_scripted
from agent.chat_models.settings import ChatModelSettings
from nas.errors import ChatModelError, SettingError

SETTINGS = ChatModelSettings()


@pytest.mark.parametrize("spec", ["gpt-9", "scripted", "scripted:", "random:1", ""])
def test_an_unknown_spec_lists_the_known_ones(spec: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"one of smollm2, scripted:FILE.json, mutate, random; got"):
        open_chat_model(spec, SETTINGS, cache=tmp_path, report=print)


def test_only_the_random_baseline_designs_whole_networks(tmp_path: Path) -> None:
    script = tmp_path / "answers.json"
    script.write_text("[]")
    specs = ("random", "mutate", f"scripted:{script}")
    opened = [open_chat_model(spec, SETTINGS, cache=tmp_path, report=print) for spec in specs]
    assert [model.designs_whole for model in opened] == [True, False, False]
    assert [model.name for model in opened] == list(specs)


def test_naming_the_chat_models_imports_nothing_heavy() -> None:
    code = "import sys, agent.chat_models.registry; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "langchain_core", "llguidance", "numpy"} & set(found)


def write_script(path: Path, *answers: object) -> Path:
    path.write_text(json.dumps(answers))
    return path


def test_recorded_answers_come_in_order_or_by_index(tmp_path: Path) -> None:
    call = {"name": "explain", "args": {"candidate_id": "c0001"}}
    model = load_scripted(write_script(tmp_path / "a.json", {"content": "no"}, {"tool_calls": [call, call]}))
    assert model.invoke("x").text == "no"
    assert [made["args"] for made in model.invoke("x").tool_calls] == [call["args"]] * 2
    assert model.bind_tools([]).invoke("x", index=0, seed=3).text == "no"


def test_a_recorded_error_is_raised(tmp_path: Path) -> None:
    model = load_scripted(write_script(tmp_path / "a.json", {"error": "server gone"}))
    with pytest.raises(ChatModelError, match=r"^server gone$"):
        model.invoke("x")


def test_an_exhausted_script_says_how_much_it_holds(tmp_path: Path) -> None:
    model = load_scripted(write_script(tmp_path / "a.json", {"content": "one"}))
    model.invoke("x")
    with pytest.raises(ChatModelError, match=r"scripted:a.json holds 1 answers; answer 2 was asked for"):
        model.invoke("x")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not json", "Expecting value"),
        ("{}", "the file: Input should be a valid tuple"),
        ("[{}]", "0: Value error, needs tool_calls, content or error"),
        ('[{"content": "a", "tools": []}]', "0.tools: Extra inputs"),
        ('[{"tool_calls": [{"name": "x"}]}]', "0.tool_calls.0.args: Field required"),
    ],
)
def test_a_malformed_script_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SettingError, match=complaint) as caught:
        load_scripted(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_script_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"cannot read .*gone.json: No such file"):
        load_scripted(tmp_path / "gone.json")
