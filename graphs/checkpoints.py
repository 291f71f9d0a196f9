"""LangGraph's checkpoints in SQLite, without those that will never be resumed from."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite import SqliteSaver
from typing_extensions import override

NUM_KEPT = 3  # the latest, and a few to inspect when something went wrong

# checkpoint ids are time-ordered
_OLD = """
    thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < (
        SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?
        ORDER BY checkpoint_id DESC LIMIT 1 OFFSET ?
    )
"""


class PrunedSqliteSaver(SqliteSaver):
    """Keeps the latest `NUM_KEPT` checkpoints of a thread: each holds the whole state, and only the last is resumed.

    Freed pages are reused, so the file stops growing after the first steps.
    """

    @override
    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        saved = super().put(config, checkpoint, metadata, new_versions)
        place: dict[str, Any] = config["configurable"]
        thread, namespace = str(place["thread_id"]), place["checkpoint_ns"]
        with self.cursor() as cursor:
            for table in ("writes", "checkpoints"):  # the checkpoints last: they tell which writes are old
                cursor.execute(
                    f"DELETE FROM {table} WHERE {_OLD}",  # noqa: S608  (two fixed names)
                    (thread, namespace, thread, namespace, NUM_KEPT - 1),
                )
        return saved
