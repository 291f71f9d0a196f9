"""Settings of the search loop."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Drive = Literal["guided", "autonomous"]


class DesignSettings(BaseModel):
    """How long the search goes on, how the designer is driven, and what is handed over.

    It ends after `max_trials` trained candidates or `max_proposals` proposals of the chat model, whichever is first.

    `drive`: "guided" forces the next tool and the model fills in its arguments; "autonomous" lets it call the tools it
    chooses; "auto" asks questions with known answers at the start and trusts a model that answers all of them. Guided,
    the model designs whole networks while fewer than `num_whole` candidates are trained, and edits known ones after
    that. An autonomous model has `max_answers`, `max_calls` (of tools), `max_tokens` (read and written) and
    `max_seconds` for each candidate.

    Guided, `batch` legal candidates are collected before they are trained together; only then does the designer learn
    their results. That determines what it sees, and hence the run; the number of workers that train them does not.

    `masked`: a model that takes masks is offered legal and new designs only. `num_niches` bins of MACs steer the search
    to where it has looked least (0: no steering); while masked, every `whole_every`-th proposal is a whole design in
    the emptiest of them (0: never). `num_front_shown` and `num_rejections_shown` bound the prompt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_proposals: int = Field(500, ge=1)
    max_trials: int = Field(500, ge=1)
    drive: Literal["auto", "guided", "autonomous"] = "auto"
    batch: int = Field(1, ge=1, le=64)
    num_whole: int = Field(1, ge=1)
    whole_every: int = Field(5, ge=0)
    masked: bool = True
    num_niches: int = Field(6, ge=0, le=64)
    max_answers: int = Field(16, ge=1)
    max_calls: int = Field(32, ge=1)
    max_tokens: int = Field(60_000, ge=1)
    max_seconds: float = Field(900, gt=0)
    num_front_shown: int = Field(5, ge=1)
    num_rejections_shown: int = Field(2, ge=0)
    target_accuracy: float = Field(0.70, ge=0, le=1)  # the objective named in the prompt (paper, Fig. 4)
    winners: int = Field(1, ge=1)
