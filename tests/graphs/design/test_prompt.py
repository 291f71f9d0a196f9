"""The rendered prompts, word for word, and their length however long the run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from search_examples import BUDGET, SPACE, make_stages, make_violation

from graphs.design.prompt import write_prompt
from graphs.design.proposals import describe_rejection
from graphs.design.settings import DesignSettings
from nas.cost import Costs
from nas.search.niches import Niche
from nas.search.suggestions import suggest
from nas.search.trial import Trial
from nas.workspace.workspace import Workspace

Open = Callable[..., Workspace]
GOLDEN = Path(__file__).parent / "golden"
REJECTION = (
    "c004 (rejected): MACs are 2.4 M, above the limit of 2 M. Most of it: stage 1 80%. Cheapest edits: narrower."
)


def trained(number: int, accuracy: float, macs: int, **first: object) -> Trial:
    costs = Costs(macs, 10_000 + number, 16_384, 4_096, 20_480, 24_576, 40_960, 61_440)
    architecture = SPACE.parse({"stages": make_stages(first)})
    return Trial(number, "trained", "test", architecture, f"f{number}", costs=costs, validation_accuracy=accuracy)


def searched(workspace: Workspace, count: int) -> Workspace:
    """A search with `count` trained candidates, all on the front, and as many rejected ones."""
    for number in range(1, count + 1):
        workspace.index.put(trained(2 * number, 0.5 + 0.4 * number / count, 100_000 + 1000 * number))
        violations = (make_violation(2_400_000, 2_000_000),)
        workspace.index.put(Trial(2 * number + 1, "rejected", "test", violations=violations, reason="too many MACs"))
    return workspace


def prompt(workspace: Workspace, niche: Niche | None = None, **about: Any) -> str:
    trends, rejected = workspace.trends, tuple(workspace.index.recent_rejected)
    suggestions = suggest(trends, rejected, workspace.budget, niche)
    about = {"rejections": [], "suggestions": suggestions} | about
    role, task = write_prompt(workspace, DesignSettings(), "digits", **about)
    return f"# system\n\n{role.text}\n# human\n\n{task.text}"


def check(name: str, text: str) -> None:
    """Compare with the golden file; KILOSMITH_WRITE_GOLDEN=1 rewrites it."""
    path = GOLDEN / f"{name}.md"
    if os.environ.get("KILOSMITH_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_the_first_prompt(open_workspace: Open) -> None:
    workspace = open_workspace()
    check("first", prompt(workspace, niche=workspace.steering.pick_niche(1)))


def test_a_prompt_for_edits_after_some_trials(open_workspace: Open) -> None:
    workspace = searched(open_workspace(), 3)
    check("edit", prompt(workspace, parent=workspace.find("c002"), rejections=[REJECTION]))


def test_a_prompt_for_a_designer_that_chooses_its_tools(open_workspace: Open) -> None:
    workspace = searched(open_workspace(), 1)
    check("autonomous", prompt(workspace, autonomous=True, rejections=[REJECTION, REJECTION]))


def test_macs_that_only_guide_are_named_as_an_upper_bound(open_workspace: Open) -> None:
    text = prompt(open_workspace(BUDGET.model_copy(update={"macs_soft": True})))
    assert "at least" not in text.partition("Constraints:")[2].partition("Search space")[0]


@pytest.mark.parametrize("autonomous", [False, True])
def test_a_prompt_stays_short_however_long_the_run(open_workspace: Open, autonomous: bool) -> None:
    workspace = open_workspace()
    long = [describe_rejection(Trial(number, "rejected", "test", reason="x" * 5000)) for number in (7, 8)]
    lengths = []
    for count in (10, 300):
        searched(workspace, count)
        about = {} if autonomous else {"parent": workspace.find("c002")}
        lengths.append(len(prompt(workspace, rejections=long, autonomous=autonomous, **about)))
    assert abs(lengths[1] - lengths[0]) < 0.03 * lengths[0]
    assert lengths[1] < 5_500


def test_what_changes_stands_last_so_that_the_beginning_is_read_once(open_workspace: Open) -> None:
    workspace = open_workspace()
    before = prompt(workspace)
    after = prompt(searched(workspace, 4))
    shared = next(place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    assert before[:shared].endswith("State of the search: ")
