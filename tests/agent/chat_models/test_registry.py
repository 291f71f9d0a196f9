"""From --llm to a chat model; recorded answers and their files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.registry import open_chat_model, read_url
from agent.chat_models.scripted import load_scripted
from nas.errors import ChatModelError, SettingError

SETTINGS = ChatModelSettings()


@pytest.mark.parametrize(
    "spec", ["gpt-9", "scripted", "scripted:", "random:1", "openai", "openai:", "hf:", "no/where", ""]
)
def test_an_unknown_spec_lists_the_known_ones(spec: str, tmp_path: Path) -> None:
    known = (
        r"one of smollm2, hf:ORG/NAME, FOLDER, openai:MODEL, hf-endpoint:ORG/NAME, scripted:FILE.json, mutate, random"
    )
    with pytest.raises(SettingError, match=f"{known}; got {spec!r}"):
        open_chat_model(spec, SETTINGS, cache=tmp_path, report=print)


def test_only_the_random_baseline_designs_whole_networks(tmp_path: Path) -> None:
    script = tmp_path / "answers.json"
    script.write_text("[]")
    specs = ("random", "mutate", f"scripted:{script}")
    opened = [open_chat_model(spec, SETTINGS, cache=tmp_path, report=print) for spec in specs]
    assert [model.designs_whole for model in opened] == [True, False, False]
    assert [model.name for model in opened] == list(specs)
    assert not any(model.takes_masks for model in opened)
    assert {model.drive for model in opened} == {"guided"}


def test_a_server_is_opened_without_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    settings = ChatModelSettings(url="http://127.0.0.1:9")
    for spec in ("openai:some/model:8b", "hf-endpoint:org/name"):
        opened = open_chat_model(spec, settings, cache=tmp_path, report=print)
        assert (opened.name, opened.drive, opened.takes_masks) == (spec, "check", False)
        assert opened.model.server.address == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("spec", "variable"), [("openai:gpt-9", "OPENAI_API_KEY"), ("hf-endpoint:org/name", "HF_TOKEN")]
)
def test_a_public_server_needs_a_key_and_only_the_environment_has_it(
    spec: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(SettingError, match=f"{spec}.* needs {variable} in the environment; set it, or name"):
        open_chat_model(spec, SETTINGS, cache=tmp_path, report=print)
    monkeypatch.setenv(variable, "hf_quite-secret")
    opened = open_chat_model(spec, SETTINGS, cache=tmp_path, report=print)
    assert "quite-secret" not in repr(opened)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("https://example.org/api/v1/chat/completions", "https://example.org/api/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_an_address_is_completed(given: str, address: str) -> None:
    assert read_url(given) == address


@pytest.mark.parametrize(
    "given", ["", "localhost:8000", "ftp://host/v1", "http://", "http://host:port/v1", "http://a b"]
)
def test_a_wrong_address_is_one_line(given: str) -> None:
    with pytest.raises(SettingError, match=r"llm.url must be http\(s\)://HOST.*; got '"):
        read_url(given)


@pytest.mark.parametrize("given", ["http://user:quite-secret@host/v1", "http://host/v1?key=quite-secret"])
def test_a_key_in_the_address_is_refused_and_not_revealed(given: str) -> None:
    with pytest.raises(SettingError, match="a key belongs in the environment") as caught:
        read_url(given)
    assert "quite-secret" not in str(caught.value)


@pytest.mark.parametrize("form", ["{}", "hf:{}"])
def test_a_folder_is_a_local_model(form: str, smollm2_folder: Path, tmp_path: Path) -> None:
    settings = ChatModelSettings(device="cpu", dtype="float32")
    spec = form.format(smollm2_folder)
    opened = open_chat_model(spec, settings, cache=tmp_path, report=print)
    assert (opened.name, opened.drive, opened.takes_masks) == (spec, "check", True)
    assert str(opened.model.engine.model.dtype) == "torch.float32"


def test_a_hub_name_is_checked_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="hf: takes ORG/NAME or an existing folder; got 'no-organisation'"):
        open_chat_model("hf:no-organisation", SETTINGS, cache=tmp_path, report=print)


def test_naming_the_chat_models_imports_nothing_heavy() -> None:
    code = "import sys, agent.chat_models.registry; print(*{name.partition('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "langchain_core", "openai", "llguidance", "numpy"} & set(found)


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
