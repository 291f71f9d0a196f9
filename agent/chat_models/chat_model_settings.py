"""How a chat model answers: the part of a run's configuration that belongs to this layer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ChatModelSettings(BaseModel):
    """Sampling settings (the defaults are the paper's: temperature 1.5, min_p 0.1), and where the model runs.

    `seed` is mixed with the seed given at each call, so that a local model's answer depends on (seed, call seed,
    messages, tools) alone. `describe_tools` adds one line per bound tool to the prompt even where a single tool is
    forced; several tools are always described, by the model's chat template where it knows tools.

    Local models: `device` is "auto" (the first CUDA device where there is one), "cpu", "cuda" or "cuda:N"; `dtype`
    "auto" is bfloat16 where the device computes it natively, else float32.

    Servers: `url` is the address of an OpenAI-compatible API; one request may take `timeout_seconds` in all; after
    `max_failures` failed requests in a row, with growing pauses between them, the run ends (exit code 4).
    `calls` is how tools are called: "native" tool calls, "json_schema" (the call as structured output, for servers
    without them), or "auto": native until an answer to a forced call holds none. `context_tokens`: the longest
    conversation the served model reads, if known; otherwise a conversation ends when the server refuses it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=1.5, ge=0)
    min_p: float = Field(default=0.1, ge=0, le=1)
    max_tokens: int = Field(default=1024, ge=1)
    seed: int = 0
    describe_tools: bool = False
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    url: str | None = None
    timeout_seconds: float = Field(default=120.0, gt=0)
    max_failures: int = Field(default=4, ge=1)
    calls: Literal["auto", "native", "json_schema"] = "auto"
    context_tokens: int | None = Field(default=None, ge=1024)
