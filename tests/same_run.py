"""`python -m tests.same_run RUN RUN`: whether two run folders hold the same search and the same delivery.

Trials must be equal in every field but seconds, delivered files byte for byte; what a delivery says of times, commands
and places is ignored. It shows that a change has not affected what runs do: run the same command with the same seed
before and after the change, then this one.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

TIMES = ("seconds",)
OF_THE_DELIVERY_ITSELF = ("metrics.json", "README.md")  # they name the command, with its folders, and digests of others
_SECONDS = re.compile(rb"\(\d+ s\)")  # of the training, in EXPLANATION.md


def main() -> int:
    """0 if the runs are the same; else the first difference is printed and the code is 1."""
    first, second = map(Path, sys.argv[1:])
    found = [*compare_trials(first, second), *compare_deliveries(first, second)]
    for difference in found:
        print(difference)
    if not found:
        num_trials, num_files = len(_read_trials(first)), len(_list_delivered(first))
        print(f"the same: {num_trials} trials in every field but seconds, {num_files} delivered files byte for byte")
    return 1 if found else 0


def compare_trials(first: Path, second: Path) -> list[str]:
    """A line for the first trial that differs, or none."""
    ours, theirs = _read_trials(first), _read_trials(second)
    if len(ours) != len(theirs):
        return [f"{first} holds {len(ours)} trials, {second} holds {len(theirs)}"]
    differing = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    return [f"{one['id']} differs: {json.dumps(one)} and {json.dumps(other)}" for one, other in differing[:1]]


def compare_deliveries(first: Path, second: Path) -> list[str]:
    """A line for every delivered file that differs or that one of the two lacks."""
    names = sorted(_list_delivered(first) | _list_delivered(second))
    return [f"{name} differs" for name in names if _read(first / name) != _read(second / name)]


def _read_trials(run: Path) -> list[dict[str, Any]]:
    lines = (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    return [_without_times(json.loads(line)) for line in lines]


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(item) for name, item in value.items() if name not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _list_delivered(run: Path) -> set[str]:
    files = (path for path in (run / "delivery").rglob("*") if path.is_file())
    return {str(path.relative_to(run)) for path in files if path.name not in OF_THE_DELIVERY_ITSELF}


def _read(path: Path) -> bytes | None:
    return _SECONDS.sub(b"", path.read_bytes()) if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
