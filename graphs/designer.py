"""The chat model as the graphs see it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from graphs.tracing import AnswerSource


@dataclass(frozen=True)
class Designer:
    """Where the chat model's answers come from, and what is known of it before it is asked anything.

    `designs_whole`: every guided proposal is a whole design. `takes_masks`: it decodes under the masks that tools
    carry. `is_checked`: design.drive "auto" asks it questions with known answers; without, "auto" means guided.
    `context_tokens`: the longest conversation it can read, where that is known.
    """

    answers: AnswerSource
    designs_whole: bool = False
    takes_masks: bool = False
    is_checked: bool = False
    context_tokens: int | None = None

    def describe(self) -> dict[str, Any]:
        """What is known of it, as plain values: enough, with its recorded answers, to run the search again."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "answers"}
