"""How a tool answers: text for the language model, an artifact for the graph; a wrong proposal is text, not a crash."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, ValidationError

from nas.errors import ProposalError

MASK_KEY = "mask"  # the key in a tool's metadata for the mask of its arguments
SHOWN_FAULTS = 6  # of wrong arguments
Answer = tuple[str, dict[str, Any]]
Arguments = ParamSpec("Arguments")


class NoArguments(BaseModel):
    """This tool takes no arguments."""


class CandidateArguments(BaseModel):
    """Arguments of every tool about one known candidate."""

    candidate_id: str = Field(description="id of a known candidate, for example c001")


def answer_tool(
    function: Callable[Arguments, Answer], arguments: type[BaseModel], *, mask: object | None = None
) -> StructuredTool:
    """A langchain tool named like the function, whose docstring is what the language model reads.

    `mask` narrows the arguments while a local model writes them (nas.search.masks); other models never see it.
    """

    @functools.wraps(function)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except ProposalError as error:  # anything else is the run's problem, not the designer's
            return f"error: {error}", {"error": str(error)}

    return StructuredTool.from_function(
        guarded,
        name=function.__name__,
        description=function.__doc__ or "",
        args_schema=arguments,
        response_format="content_and_artifact",
        handle_validation_error=_describe_validation_error,
        metadata={MASK_KEY: mask} if mask is not None else None,
    )


def _describe_validation_error(error: Any) -> str:
    if not isinstance(error, ValidationError):
        return f"error: {error}"
    faults = [f"{'.'.join(map(str, fault['loc']))[:80]}: {fault['msg'][:200]}" for fault in error.errors()]
    more = len(faults) - SHOWN_FAULTS
    rest = [f"and {more} more"] if more > 0 else []
    return "error: wrong arguments: " + "; ".join([*faults[:SHOWN_FAULTS], *rest])
