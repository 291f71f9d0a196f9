"""How a chat model answers: the part of a run's configuration that belongs to this layer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ChatModelSettings(BaseModel):
    """Sampling settings; the defaults are the paper's (temperature 1.5, min_p 0.1).

    `seed` is mixed with the seed given at each call, so that an answer depends on (seed, call seed, messages) alone.
    `describe_tools` adds one line per bound tool to the prompt, for prompts that do not describe the tools themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=1.5, ge=0)
    min_p: float = Field(default=0.1, ge=0, le=1)
    max_tokens: int = Field(default=1024, ge=1)
    seed: int = 0
    describe_tools: bool = False
