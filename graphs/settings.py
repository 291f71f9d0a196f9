"""Settings of the search loop."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DesignSettings(BaseModel):
    """How long the search goes on and what it hands over.

    It ends after `max_trials` trained candidates or `max_proposals` proposals of the chat model, whichever is first.
    While fewer than `num_whole` candidates are trained the chat model designs whole networks; after that it edits
    members of the front.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_proposals: int = Field(500, ge=1)
    max_trials: int = Field(500, ge=1)
    num_whole: int = Field(1, ge=1)
    num_rejections_shown: int = Field(3, ge=0)
    target_accuracy: float = Field(0.70, ge=0, le=1)  # the objective named in the prompt (paper, Fig. 4)
    winners: int = Field(1, ge=1)
