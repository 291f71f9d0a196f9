"""Reading what a run left behind, with the settings it was started with; no data set is opened."""

from __future__ import annotations

from agent.config import read_config
from nas.records.run_records import RunRecords, load_records
from nas.records.run_store import RunStore


def read_records(store: RunStore) -> RunRecords:
    """The read model of a run; raises CheckError for damaged records."""
    config = read_config(store.load_config()["config"])
    return load_records(
        store,
        config.resolve_space(),
        config.resolve_budget(),
        config.resolve_board(),
        stem_channels=config.space.stem_channels,
        guess_task=config.resolve_task,
    )
