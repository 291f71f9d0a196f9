"""LangGraph's checkpoints in SQLite: plain values only, and without those that will never be resumed from."""

from __future__ import annotations

import sqlite3
from typing import Any

import ormsgpack
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_KW_ARGS, JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Interrupt
from typing_extensions import override

from nas.errors import CheckError

NUM_KEPT = 3  # the latest, and a few to inspect when something went wrong

# checkpoint ids are time-ordered
_OLD = """
    thread_id = ? AND checkpoint_ns = ? AND checkpoint_id < (
        SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?
        ORDER BY checkpoint_id DESC LIMIT 1 OFFSET ?
    )
"""
_INTERRUPT = ("langgraph.types", "Interrupt")
_RULE = "checkpoints.sqlite must hold plain values"
_REMEDY = "it was altered or damaged; restore it, or fork the run at an earlier step: resume RUN --from STEP"


class PlainSerializer(SerializerProtocol):
    """Reads plain values and LangGraph's own interrupts, and nothing else.

    LangGraph's serializer builds objects of any class that the bytes name, unless an environment variable was set
    before its import; a checkpoint file may come from a stranger, and here no import order and no setting lets it
    construct anything. Raises CheckError for what is not plain.
    """

    def __init__(self) -> None:
        self._writer = JsonPlusSerializer(allowed_msgpack_modules=None)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The value as LangGraph writes it: its kind and its bytes."""
        return self._writer.dumps_typed(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value; raises CheckError for anything but plain values and interrupts."""
        kind, content = data
        if kind == "null":
            return None
        if kind != "msgpack" or not isinstance(content, bytes):
            raise CheckError(f"{_RULE}; one is of kind {str(kind)[:40]!r}; {_REMEDY}")
        return _unpack(content)


def _unpack(content: bytes) -> Any:
    try:
        return ormsgpack.unpackb(content, ext_hook=_read_extension, option=ormsgpack.OPT_NON_STR_KEYS)
    except ormsgpack.MsgpackDecodeError as error:  # also for what `_read_extension` refuses
        raise CheckError(f"{_RULE}; one is none, or is cut off ({error}); {_REMEDY}") from error


def _read_extension(code: int, content: bytes) -> Interrupt:
    """The interrupt that the bytes hold: a question that waits for a person's answer."""
    named = _unpack(content) if code == EXT_CONSTRUCTOR_KW_ARGS else None
    match named:
        case (module, name, {"value": value, "id": str(identity)}) if (module, name) == _INTERRUPT:
            return Interrupt(value=value, id=identity)
        case _:
            raise ValueError(f"extension {code} is no interrupt")


class PrunedSqliteSaver(SqliteSaver):
    """Keeps the latest `NUM_KEPT` checkpoints of a thread: each holds the whole state, and only the last is resumed.

    Freed pages are used again, so that the file stops growing after the first steps. Reading constructs nothing (see
    `PlainSerializer`).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, serde=PlainSerializer())

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
