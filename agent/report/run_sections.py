"""What the comparison page says of each run: its section, and its counts next to those of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.report.figures import Candidate, Ending


@dataclass(frozen=True, slots=True)
class RunSection:
    """What the page says of one run: its most accurate network, the whole front, and where its own report is.

    `anchor` is the section's id in the page, `report` a relative address, "" where there is no report.
    """

    anchor: str
    name: str
    designer: str
    seed: str
    about: tuple[str, ...]
    front: tuple[Candidate, ...]
    report: str

    @property
    def best(self) -> Candidate | None:
        """The most accurate of the front; None where nothing was trained."""
        return self.front[0] if self.front else None


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many proposals of every run ended this way, or broke this limit."""

    name: str
    counts: tuple[int, ...]


def align_counts(runs: Sequence[Sequence[Ending]]) -> tuple[CountRow, ...]:
    """The counts of several runs by name, the most frequent overall first."""
    names = dict.fromkeys(ending.name for endings in runs for ending in endings)
    found = [{ending.name: ending.count for ending in endings} for endings in runs]
    rows = [CountRow(name, tuple(counts.get(name, 0) for counts in found)) for name in names]
    return tuple(sorted(rows, key=lambda row: -sum(row.counts)))
