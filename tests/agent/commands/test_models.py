"""`models`: what may stand after --llm, without loading any of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment, kilosmith


def test_every_kind_of_chat_model_is_listed_with_its_needs(tmp_path: Path) -> None:
    result = kilosmith("models", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    specs = [model["spec"] for model in document["models"]]
    for start in ("smollm2", "hf:", "FOLDER", "openai:", "hf-endpoint:", "scripted:", "random", "mutate"):
        assert any(spec.startswith(start) for spec in specs)
    assert all(model["about"] and model["needs"] for model in document["models"])
    assert {server["server"] for server in document["servers"]} == {"vLLM", "Ollama", "llama.cpp"}


def test_the_table_names_servers_and_their_usual_places(tmp_path: Path) -> None:
    printed = kilosmith("models", cwd=tmp_path).stdout
    for words in ("openai:MODEL --llm-url URL", "OPENAI_API_KEY", "http://127.0.0.1:11434/v1", "smollm2: "):
        assert words in printed
    assert kilosmith("models", "--quiet", cwd=tmp_path).stdout == ""


def test_it_says_whether_the_embedded_model_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOSMITH_CACHE", str(tmp_path))
    assert "not fetched yet" in kilosmith("models", cwd=tmp_path).stdout
    folder = tmp_path / "smollm2-135m-instruct"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(2_000_000))
    found = json.loads(kilosmith("models", "--json", cwd=tmp_path).stdout)["smollm2"]
    assert found == {
        "fetched": True,
        "folder": str(folder),
        "bytes": 2_000_000,
        "detail": f"fetched: 2 MB in {folder}",
    }


def test_listing_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom agent.command_line import run_command_line\nrun_command_line(['models'])\n"
        "heavy = {'torch', 'transformers', 'langchain_core', 'langchain_openai', 'openai', 'numpy'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
