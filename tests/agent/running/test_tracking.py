"""A run mirrored into a real MLflow store (SQLite), an unreachable store, and no store at all."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import environment, kilosmith
from event_examples import JUDGED, STARTED
from example_run import FIGURES, build_example_run
from mlflow import MlflowClient

from agent.config import resolve_config
from agent.running.tracking import Tracker, check_tracking, flatten
from nas.errors import SettingError
from nas.export.delivered import Delivered
from nas.records.run_events import RunFinished, TrackingFailed
from nas.records.run_store import RunStore


def find_runs(uri: str) -> dict[str, Any]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("kilosmith")
    assert experiment is not None
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)  # artifacts of a SQLite store are kept in ./mlruns
    return f"sqlite:///{tmp_path}/mlflow.db"


def test_a_run_and_its_candidates_reach_the_store(uri: str, tmp_path: Path) -> None:
    store = build_example_run(tmp_path, tracking__mlflow=uri)
    runs = find_runs(uri)
    search = runs["example"]
    assert search.info.status == "FINISHED"
    assert search.data.params["seed"] == "0"
    assert search.data.params["training.mini.epochs"] == "5"
    assert not any(name.startswith("tracking") for name in search.data.params)
    trained = {trial.id: trial for trial in store.load_trials() if trial.state in ("trained", "failed")}
    assert set(trained) == set(FIGURES)
    for candidate, trial in trained.items():
        child = runs[f"example {candidate}"]
        assert child.data.tags["mlflow.parentRunId"] == search.info.run_id
        assert child.info.status == ("FAILED" if trial.state == "failed" else "FINISHED")
        assert child.data.params["macs"] == str(trial.priced.macs)
        if trial.state == "trained":
            assert child.data.metrics["mini_final_accuracy"] == trial.validation_accuracy
    client = MlflowClient(tracking_uri=uri)
    curve = client.get_metric_history(runs["example c001"].info.run_id, "mini_validation_accuracy")
    assert [point.step for point in curve] == [1, 2, 3, 4, 5]
    volumes = client.get_metric_history(search.info.run_id, "hypervolume")
    finished = list(store.load_trace())[-1].event
    assert isinstance(finished, RunFinished)
    assert volumes[-1].value == pytest.approx(finished.hypervolume)
    names = {artifact.path for artifact in client.list_artifacts(search.info.run_id)}
    assert {"report.html", "transcript.txt", "trials.jsonl", "delivery"} == names  # no config.json: it holds addresses
    assert not (store.folder / "tracking.json").read_text(encoding="utf-8").count("sqlite")


def test_a_resumed_run_goes_on_in_the_same_run_of_the_store(uri: str, tmp_path: Path) -> None:
    store = build_example_run(tmp_path, tracking__mlflow=uri)
    before = find_runs(uri)
    tracker = Tracker(resolve_config("quick", settings=[f"tracking.mlflow={uri}"]), store)
    for line in list(store.load_trace())[:40]:
        assert tracker.take(line.event) == ""
    assert tracker.end(has_ended=False) == ""
    after = find_runs(uri)
    assert set(after) == set(before)
    assert after["example"].info.status == "KILLED"


def test_an_unreachable_store_is_reported_once_and_ends_nothing(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tracked = f"tracking.mlflow=http://127.0.0.1:{port}"
    done = kilosmith(
        *("run", "--llm", "mutate", "--name", "away", "--set", "design.max_proposals=1", "--set", tracked),
        *("--set", "budget.peak_sram_bytes=1000"),
        cwd=tmp_path,
    )
    assert done.returncode == 3, done.stderr  # no legal candidate: as without tracking
    assert done.stderr.count("tracking  given up") == 1
    trace = RunStore(tmp_path / "runs" / "away").load_trace()
    assert sum(isinstance(line.event, TrackingFailed) for line in trace) == 1


@pytest.mark.parametrize("damaged", ['{"": "1', "[1]", '{"": 1}'])
def test_damaged_ids_give_up_tracking_with_the_remedy(uri: str, tmp_path: Path, damaged: str) -> None:
    store = build_example_run(tmp_path)
    (store.folder / "tracking.json").write_text(damaged, encoding="utf-8")
    tracker = Tracker(resolve_config("quick", settings=[f"tracking.mlflow={uri}"]), store)
    assert "tracking.json" in (told := tracker.take(STARTED))
    assert "delete it" in told
    assert tracker.take(JUDGED) == ""
    assert (store.folder / "tracking.json").read_text(encoding="utf-8") == damaged


def test_an_error_without_message_and_a_candidate_unknown_to_the_store_end_nothing(uri: str, tmp_path: Path) -> None:
    store = build_example_run(tmp_path)
    tracker = Tracker(resolve_config("quick", settings=[f"tracking.mlflow={uri}"]), store)
    assert tracker.take(STARTED) == ""
    assert tracker.take(Delivered("c011", {"agreement": 1.0})) == ""

    def fail(*_: object, **__: object) -> None:
        raise OSError

    tracker._log = fail  # type: ignore[method-assign]
    assert tracker.take(JUDGED).startswith("OSError")
    assert tracker.take(JUDGED) == ""  # reported once


def test_a_missing_extra_is_named_before_anything_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve_config("quick", settings=["tracking.mlflow=http://localhost:5000"])
    monkeypatch.setattr("agent.running.tracking.find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"pip install 'kilosmith\[tracking\]'"):
        check_tracking(config)
    check_tracking(resolve_config("quick"))


def test_credentials_in_the_address_are_refused() -> None:
    with pytest.raises(SettingError, match="MLFLOW_TRACKING_PASSWORD"):
        resolve_config("quick", settings=["tracking.mlflow=https://me:secret@example.org"])


def test_nothing_of_mlflow_is_imported_by_default(tmp_path: Path) -> None:
    store = build_example_run(tmp_path)
    probe = (
        "import sys; from pathlib import Path; from agent.config import resolve_config;"
        "from agent.running.tracking import Tracker; from nas.records.run_store import RunStore;"
        "from nas.records.run_events import RunStarted;"
        f"tracker = Tracker(resolve_config('quick'), RunStore(Path({str(store.folder)!r})));"
        f"assert tracker.take(RunStarted.from_dict({STARTED.to_dict()!r})) == '' == tracker.end(has_ended=True);"
        "assert 'mlflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert not (store.folder / "tracking.json").exists()


def test_settings_keep_their_dotted_names() -> None:
    tree = {"a": {"b": 1, "c": {"d": True}}, "llm": {"url": "http://there", "spec": "smollm2"}}
    assert flatten(tree) == {"a.b": "1", "a.c.d": "True", "llm.spec": "smollm2"}
