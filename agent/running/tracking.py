"""A run mirrored into MLflow if the setting `tracking.mlflow` names a store; otherwise nothing is imported or sent.

The search is an MLflow run, each trained candidate a run below it. A store that fails is given up, which is reported
once and recorded: it never ends a search.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config import RunConfig
from nas.documents.atomic_files import write_json
from nas.errors import SettingError
from nas.events import Event
from nas.export.delivered import Delivered
from nas.records.run_events import RunStarted
from nas.records.run_store import RunStore
from nas.search.search_events import FrontChanged, ProposalJudged
from nas.search.trial import read_candidate_number
from nas.training import TrainedPhase
from nas.training.phase_events import PhaseFinished

if TYPE_CHECKING:
    from mlflow import MlflowClient

PLACE = "tracking.json"  # in the run's folder: the ids assigned by MLflow
MAX_PARAMS = 100  # in one MLflow request
ENVIRONMENT = {  # unless they are set: no usage reports, and an unreachable store is noticed within seconds
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
KEPT_BACK = ("tracking", "llm.url")  # settings that say where things are, not what the run is
CURVES = ("loss", "validation_accuracy", "learning_rate")
COSTS = ("macs", "params", "arena_bytes", "flash_bytes")


class DamagedIdsError(Exception):
    """The file PLACE does not hold what was written to it."""


def check_tracking(config: RunConfig) -> None:
    """Raise SettingError if tracking is wanted but not installed."""
    if config.tracking.mlflow and find_spec("mlflow") is None:
        raise SettingError("tracking.mlflow needs MLflow, which is not installed: pip install 'kilosmith[tracking]'")


@dataclass
class Tracker:
    """Passes events on to MLflow; without a store it does nothing."""

    config: RunConfig
    store: RunStore
    _ids: dict[str, str] = field(default_factory=dict)  # "" is the search, others are candidates
    _client: MlflowClient | None = None
    _experiment: str = ""  # its id
    _num_proposals: int = 0
    _has_failed: bool = False

    def take(self, event: Event) -> str:
        """Why the store failed to take an event and will be sent no more; empty while all is well."""
        return self._try(lambda: self._take(event)) if not event.transient else ""

    def end(self, *, has_ended: bool) -> str:
        """Give MLflow the run's files and say how it ended; as `take`."""
        return self._try(lambda: self._end("FINISHED" if has_ended else "KILLED"))

    def _try(self, act: Callable[[], None]) -> str:
        if not self.config.tracking.mlflow or self._has_failed:
            return ""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow.exceptions import MlflowException

        try:
            act()
        except (MlflowException, OSError, DamagedIdsError) as error:
            self._has_failed = True
            return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return ""

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begin()
            case FrontChanged():
                best = max((member.validation_accuracy for member in event.front), default=0.0)
                figures = {"hypervolume": event.hypervolume, "front_size": event.size, "best_accuracy": best}
                self._log("", figures, step=self._num_proposals)
            case ProposalJudged():
                self._num_proposals = read_candidate_number(event.candidate)
                self._log("", {"legal": float(event.state == "proposed")}, step=self._num_proposals)
                if event.state == "proposed":
                    self._open(event.candidate, {name: getattr(event, name) for name in COSTS})
            case PhaseFinished():
                self._log_phase(event.candidate, event.outcome)
            case Delivered() if event.candidate in self._ids:  # not if the store was unreachable before
                told = event.metrics.to_dict()
                figures = {name: value for name, value in told.items() if isinstance(value, int | float)}
                self._log(event.candidate, {f"delivered_{name}": float(value) for name, value in figures.items()})

    def _begin(self) -> None:
        """Begin or continue the search's run."""
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        settings = self.config.tracking
        self._client = MlflowClient(tracking_uri=settings.mlflow)
        place = self.store.folder / PLACE
        if place.exists():
            self._ids = _read_ids(place)
        self._num_proposals = len(self.store.load_trials())
        if "" in self._ids:
            self._client.update_run(self._ids[""], status="RUNNING")
        else:
            self._create("", self.store.run_id, {})
            self._log_params("", flatten(self.config.model_dump(mode="json")))

    def _open(self, candidate: str, costs: Mapping[str, Any]) -> None:
        if candidate not in self._ids:
            self._create(candidate, f"{self.store.run_id} {candidate}", {"mlflow.parentRunId": self._ids[""]})
            self._log_params(candidate, {name: str(value) for name, value in costs.items()})

    def _create(self, key: str, name: str, tags: Mapping[str, str]) -> None:
        client = self._require_client()
        if not self._experiment:
            title = self.config.tracking.experiment
            found = client.get_experiment_by_name(title)
            self._experiment = found.experiment_id if found else client.create_experiment(title)
        known = {"kilosmith.version": version("kilosmith"), "kilosmith.run": self.store.run_id}
        run = client.create_run(self._experiment, run_name=name, tags={**known, **tags})
        self._ids[key] = run.info.run_id
        write_json(self.store.folder / PLACE, self._ids)

    def _log_phase(self, candidate: str, outcome: TrainedPhase) -> None:
        phase = outcome.phase
        if candidate not in self._ids:
            return  # a teacher, or a network that was trained outside the search
        for epoch in outcome.curve:
            self._log(candidate, {f"{phase}_{name}": getattr(epoch, name) for name in CURVES}, step=epoch.epoch)
        figures = {f"{phase}_final_accuracy": outcome.validation_accuracy, f"{phase}_seconds": outcome.seconds}
        self._log(candidate, figures)
        client, status = self._require_client(), "FINISHED"
        if outcome.failure or outcome.stopped:
            status = "FAILED" if outcome.failure else "KILLED"
        client.set_terminated(self._ids[candidate], status=status)

    def _log(self, key: str, figures: Mapping[str, float], step: int = 0) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in figures.items()]
        self._require_client().log_batch(self._ids[key], metrics=metrics)

    def _log_params(self, key: str, values: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        params = [Param(name, value) for name, value in values.items()]
        for part in _split(params, MAX_PARAMS):
            self._require_client().log_batch(self._ids[key], params=part)

    def _end(self, status: str) -> None:
        if self._client is None:
            return
        for name in ("report.html", "transcript.txt", "trials.jsonl"):  # the parameters hold the settings
            if (self.store.folder / name).exists():
                self._client.log_artifact(self._ids[""], str(self.store.folder / name))
        if (self.store.folder / "delivery").is_dir():
            self._client.log_artifacts(self._ids[""], str(self.store.folder / "delivery"), "delivery")
        self._client.set_terminated(self._ids[""], status=status)

    def _require_client(self) -> MlflowClient:
        if self._client is None:
            raise RuntimeError("an event came before the run's start")
        return self._client


def _read_ids(place: Path) -> dict[str, str]:
    try:
        ids = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedIdsError(f"{place} is damaged ({error}); delete it to begin anew in the store") from error
    if not isinstance(ids, dict) or not all(isinstance(one, str) for one in ids.values()):
        raise DamagedIdsError(f"{place} holds no ids; delete it to begin anew in the store")
    return ids


def flatten(tree: Mapping[str, Any], place: str = "") -> dict[str, str]:
    """Settings by their dotted names, as text."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        dotted = f"{place}{name}"
        if dotted in KEPT_BACK:
            continue
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{dotted}.")
        else:
            flat[dotted] = str(value)
    return flat


def _split(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
