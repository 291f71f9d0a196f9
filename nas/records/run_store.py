"""One folder per run: configuration, trials, trace, checkpoints, training state and deliveries.

Records are append-only JSON lines; a line torn by a crash is cut off when the run is opened for writing. The trace is a
chain of digests, and `trace.seal` holds its last one: anything altered, moved or cut off by hand is detected on
reading.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nas.documents.atomic_files import write_json
from nas.errors import CheckError, SettingError
from nas.events import Event
from nas.records.trace import GENESIS, StepCounter, chain_digest
from nas.records.trace_line import Record, TraceLine, read_line
from nas.search.trial import Trial

if TYPE_CHECKING:
    from filelock import BaseFileLock

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class RunStore:
    """Reads a run's records; appends to them once `lock` has been taken."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: BaseFileLock | None = None
        self._next_seq = 1
        self._digest = GENESIS

    @classmethod
    def create(cls, root: Path, run_id: str, config: Mapping[str, Any]) -> RunStore:
        """A new, locked run folder that holds `config`; refuses an id that is malformed or taken."""
        cls.check_new(root, run_id)
        folder = root / run_id
        folder.mkdir(parents=True)
        store = cls(folder)
        try:
            store.lock()
            write_json(folder / "config.json", config)
        except BaseException:
            store.close()
            shutil.rmtree(folder, ignore_errors=True)  # a folder without its config could be neither resumed nor reused
            raise
        return store

    @staticmethod
    def check_new(root: Path, run_id: str) -> None:
        """Refuse a run id that is malformed or taken."""
        if not _RUN_ID.fullmatch(run_id) or run_id == "latest":
            rule = "a run id must be 1 to 64 letters, digits, dots, dashes or underscores, and not `latest`"
            raise SettingError(f"{rule}; got {run_id!r}; choose another")
        if (root / run_id).exists():
            raise SettingError(
                f"a run id must be new; {root / run_id} exists; choose another --name or `resume {run_id}`"
            )

    @classmethod
    def open(cls, root: Path, run: str) -> RunStore:
        """The run named by id, path or "latest" under `root`, for reading."""
        if run == "latest":
            known = [(created, path.parent) for path in root.glob("*/config.json") if (created := _read_created(path))]
            if not known:
                raise SettingError(f"`latest` needs a run; {root} holds none; start one with `run` or give --runs")
            return cls(max(known)[1])
        for folder in (root / run, Path(run)):
            if (folder / "config.json").is_file():
                return cls(folder)
        raise SettingError(f"RUN must be a run id, a path or `latest`; found no {root / run}/config.json; see {root}")

    @property
    def run_id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.folder.resolve().name

    @property
    def checkpoints_path(self) -> Path:
        """LangGraph's database."""
        return self.folder / "checkpoints.sqlite"

    @property
    def training_folder(self) -> Path:
        """Where phases of training keep their checkpoints and outcomes."""
        return self.folder / "training"

    def delivery_folder(self, candidate_id: str) -> Path:
        """Where a candidate is delivered."""
        return self.folder / "delivery" / candidate_id

    def load_config(self) -> dict[str, Any]:
        """The resolved configuration, with versions and seeds."""
        return _read_config(self.folder)

    def lock(self) -> tuple[str, ...]:
        """Claim the run for this process and repair what a crash tore; returns the names of the repaired files.

        Refuses while another process writes; raises CheckError for a trace that was tampered with.
        """
        from filelock import FileLock, Timeout  # late: it loads asyncio, which reading a run does not need

        # The system's own lock, which ends with the process. Whichever thread took it, another may release it.
        lock = FileLock(self.folder / ".lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise SettingError(
                f"a run has one writer; {self.run_id} is in use by another process; wait or stop it"
            ) from None
        self._lock = lock
        names = ("trials.jsonl", "trace.jsonl", "conversation.jsonl", "what_ifs.jsonl")
        mended = tuple(name for name in names if _cut_torn_line(self.folder / name))
        for line in self.load_trace():
            self._next_seq, self._digest = line.seq + 1, line.digest
        return mended

    def close(self) -> None:
        """Release the run."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def append_trial(self, trial: Trial) -> None:
        """Record a judged trial; it is on disk when this returns."""
        _append_line(self.folder / "trials.jsonl", trial.to_dict())

    def load_trials(self) -> list[Trial]:
        """All judged trials, in the order in which they were settled."""
        return self._load_trials(self.folder / "trials.jsonl")

    @staticmethod
    def _load_trials(path: Path) -> list[Trial]:
        trials = []
        for record in _read_lines(path, required=("id", "number")):
            try:
                trials.append(Trial.from_dict(record))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise CheckError(f"{path} must hold trials; that of {record['id']!r} is damaged: {error!r}") from error
        return trials

    def append_event(self, event: Event, time: str) -> None:
        """Write a lasting event to the trace, numbered from 1 and chained to the line before."""
        if event.transient:
            return
        record = {"seq": self._next_seq, "time": time, "kind": event.kind, "data": event.to_dict()}
        self._append_record(record | {"digest": chain_digest(self._digest, record)})

    def adopt_trace(self, lines: Iterable[TraceLine]) -> None:
        """Begin the trace with lines from another run's, digests included."""
        for line in lines:
            self._append_record(line.record)

    def _append_record(self, record: Record) -> None:
        _append_line(self.folder / "trace.jsonl", record)
        self._next_seq, self._digest = record["seq"] + 1, record["digest"]
        _write_seal(self.folder / "trace.seal", record["seq"], self._digest)

    def load_trace(self) -> Iterator[TraceLine]:
        """The trace's lines, in order.

        Raises CheckError at the first line that does not follow from the one before, or whose event is unknown, and for
        lines missing at the end.
        """
        path, seal = self.folder / "trace.jsonl", _read_seal(self.folder / "trace.seal")  # the seal first: it is older
        digest, number, counter = GENESIS, 0, StepCounter()
        for number, record in enumerate(_read_lines(path, required=("seq", "time", "kind", "data", "digest")), start=1):
            previous, digest = digest, record["digest"]
            if record["seq"] != number or chain_digest(previous, record) != digest:
                raise CheckError(
                    f"every line of {path} must follow from the line before; line {number}, in or after {counter}, "
                    "does not: it was altered, moved or removed; restore the file, or fork the run at an earlier step: "
                    "resume RUN --from STEP"
                )
            if seal is not None and seal[0] == number and seal[1] != digest:
                raise CheckError(f"{path} must end as trace.seal says; line {number}, {counter}, was replaced")
            line = read_line(record)
            counter.take(line.event)
            yield line
        if (seal is not None and seal[0] > number) or (seal is None and number > 1):
            expected = f"{seal[0]} lines" if seal else "a trace.seal beside it"
            raise CheckError(
                f"{path} must have {expected}; it has {number} lines and ends in {counter}: it was truncated; restore "
                "it, or fork the run at an earlier step: resume RUN --from STEP"
            )

    # --- what is said about a run afterwards -------------------------------------------------------------------

    def append_what_if(self, trial: Trial) -> None:
        """Record a what-if that was trained on request; it is not part of the search."""
        _append_line(self.folder / "what_ifs.jsonl", trial.to_dict())

    def load_what_ifs(self) -> list[Trial]:
        """What was trained on request, in order."""
        return self._load_trials(self.folder / "what_ifs.jsonl")

    def append_turn(self, turn: Mapping[str, Any]) -> None:
        """Record one question with its answer."""
        _append_line(self.folder / "conversation.jsonl", turn)

    def load_conversation(self) -> list[dict[str, Any]]:
        """Every question so far with its answer, oldest first."""
        return list(_read_lines(self.folder / "conversation.jsonl", required=("question", "answer")))


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingError(f"config.json of a run must be readable JSON; {folder}: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise CheckError(f"config.json of a run must hold its `config`; that of {folder} does not")
    return config


def _read_created(path: Path) -> str | None:
    """When a run was created, or None where that cannot be read: one damaged run must not hide the others."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _append_line(path: Path, record: Mapping[str, Any]) -> None:
    line = json.dumps(record, separators=(",", ":"), allow_nan=False)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _read_lines(path: Path, *, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return  # still being written, or torn by a crash: not a record yet
            try:
                record = json.loads(line)
            except ValueError as error:  # also bytes that are not UTF-8
                raise CheckError(f"{path} must hold one JSON record a line; line {number} does not: {error}") from error
            if not isinstance(record, dict) or not all(key in record for key in required):
                raise CheckError(f"{path} must hold records with {', '.join(required)}; line {number} does not")
            yield record


def _cut_torn_line(path: Path) -> bool:
    """Whether the file ended in half a line, which is then cut off."""
    if not path.exists():
        return False
    content = path.read_bytes()
    if not content or content.endswith(b"\n"):
        return False
    with path.open("r+b") as stream:
        stream.truncate(content.rfind(b"\n") + 1)
    return True


def _write_seal(path: Path, number: int, digest: str) -> None:
    """Number and digest of the trace's last line, in place and at fixed length: one write, whole or not at all."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.pwrite(descriptor, f"{number:>12} {digest}\n".encode(), 0)
        if is_new:  # later ones may lag behind the trace after a power failure, which is not damage
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_seal(path: Path) -> tuple[int, str] | None:
    if not path.exists():
        return None
    number, _, digest = path.read_bytes().decode("utf-8", "replace").strip().partition(" ")
    if not number.isdigit() or len(digest) != len(GENESIS):
        raise CheckError(f"{path} must hold the number and the digest of the trace's last line; it was altered")
    return int(number), digest
