"""Reading what a run left behind, with the settings it was started with; no data set is opened."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from nas.cost import Budget
from nas.cost.board import find_board
from nas.errors import CheckError
from nas.records.run_records import RunRecords, load_records
from nas.records.run_store import RunStore
from nas.space.architecture import Task
from nas.space.search_space import SearchSpace


def load_run(run: str | Path = "latest", *, runs: Path = Path("runs")) -> RunRecords:
    """The read model of a run, named by its folder, its id or "latest" under `runs`.

    Raises SettingError where there is no such run, CheckError for damaged records.
    """
    return read_records(RunStore.open(runs, str(run)))


def read_records(store: RunStore) -> RunRecords:
    """The read model of a run; raises CheckError for damaged records."""
    settings = store.load_config()["config"]
    try:
        board = find_board(settings["board"])
        budget = Budget.model_validate(settings["budget"]).capped(board)
        space = SearchSpace(num_stages=settings["space"]["num_stages"])
        stem_channels: int = settings["space"]["stem_channels"]
        data = settings["data"]
        spec, height, width = data["spec"], data["height"], data["width"]
    except (KeyError, TypeError, ValidationError) as error:
        raise CheckError(
            f"config.json of {store.folder} must hold a run's settings; they are damaged: {error!r}"
        ) from error

    def guess_task() -> Task:
        from nas.datasets.catalogue import describe_dataset  # late: only a run that just began needs it

        channels, num_classes = describe_dataset(spec)[2:]
        return Task(height, width, channels, num_classes, stem_channels)

    return load_records(store, space, budget, board, stem_channels=stem_channels, guess_task=guess_task)
