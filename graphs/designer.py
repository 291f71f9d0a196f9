"""The chat model as the graphs see it."""

from __future__ import annotations

from dataclasses import dataclass

from graphs.tracing import AnswerSource
from nas.records.run_events import DesignerTraits


@dataclass(frozen=True)
class Designer:
    """Where the chat model's answers come from, and what is known of the model before it is asked anything.

    `designs_whole`: every guided proposal is a whole design. `takes_masks`: it decodes under the masks that tools
    carry. `is_checked`: design.drive "auto" asks it questions with known answers; otherwise "auto" means guided.
    `context_tokens`: the longest conversation it can read, where that is known.
    """

    answers: AnswerSource
    designs_whole: bool = False
    takes_masks: bool = False
    is_checked: bool = False
    context_tokens: int | None = None

    def describe(self) -> DesignerTraits:
        """What is known of the model: enough, with its recorded answers, to run the search again."""
        return DesignerTraits(self.designs_whole, self.takes_masks, self.is_checked, self.context_tokens)
