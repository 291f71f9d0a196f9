"""What a tool lets a local model write next, beyond what its schema can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from langchain_core.tools import BaseTool

from tools import MASK_KEY


class Mask(Protocol):
    """Narrows a tool's arguments while they are written, for example to designs that keep every limit."""

    def narrow(self, written: str) -> Mapping[str, Any]:
        """The JSON schema of the arguments after their beginning `written` (compact JSON, "" before the first one).

        The schema admits `written` and fixes the values complete in it. Only the choice of the next value is narrowed
        for good: ask again before each choice. While nothing has changed, the same object is returned.
        """


def collect_masks(tools: Sequence[object]) -> dict[str, Mask]:
    """The masks that langchain tools carry in their metadata, by tool name."""
    return {
        tool.name: tool.metadata[MASK_KEY]
        for tool in tools
        if isinstance(tool, BaseTool) and tool.metadata and MASK_KEY in tool.metadata
    }
