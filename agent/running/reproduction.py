"""The command that starts a run with a given configuration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from agent.config import RunConfig, resolve_config


def run_command(config: RunConfig) -> str:
    """`kilosmith run ...` with the preset and every setting that differs from it, quoted for a POSIX shell."""
    preset = dict(_flatten(resolve_config(config.preset).model_dump(mode="json")))
    own = _flatten(config.model_dump(mode="json"))
    changed = [(key, value) for key, value in own if value is not None and preset.get(key) != value]
    words = ["kilosmith", "run", "--preset", config.preset]
    for key, value in changed:
        # JSON strings, numbers and lists of them are valid TOML too
        words += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    return shlex.join(words)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
