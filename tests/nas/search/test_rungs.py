"""Successive halving: which candidates continue, what they are compared with, and how a run treats a stopped trial."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import kilosmith
from example_run import EPOCHS, build_example_run, draw_answers, finish_run
from hypothesis import given
from hypothesis import strategies as st
from search_examples import make_costs

from agent.running.inquiry import read_records
from nas.explanation.verdicts import describe_verdict
from nas.records.run_store import RunStore
from nas.search.pareto import find_front
from nas.search.rungs import HalvingRule, Point, Rung, build_halving_rules, rank_points
from nas.search.trial import Trial, TrialState
from nas.training import EpochResult, HalvingSettings
from nas.training.phase_events import PhaseFinished

POINTS = st.tuples(st.floats(0, 1), st.integers(1, 50), st.integers(1, 50))
HALVING = {"training__halving__rungs": [1, 2], "training__halving__min_peers": 3}


def dominates(one: Point, other: Point) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one != other


@given(st.lists(POINTS, min_size=1, max_size=12), POINTS, st.floats(0.05, 0.95))
def test_a_candidate_that_no_peer_dominates_goes_on(peers: list[Point], own: Point, keep: float) -> None:
    rule = HalvingRule(own[1], own[2], (Rung(3, tuple(peers)),), keep, 1)
    reason = rule.judge(3, own[0])
    if not any(dominates(peer, own) for peer in peers):
        assert reason == ""
    if reason:
        assert sum(rank < rank_points([*peers, own])[-1] for rank in rank_points([*peers, own])) >= keep * len(peers)


@given(st.lists(POINTS, min_size=1, max_size=10))
def test_ranks_peel_one_front_after_the_other(points: list[Point]) -> None:
    left, rank = dict(enumerate(points)), 0
    ranks = rank_points(points)
    while left:
        first = {i for i, own in left.items() if not any(dominates(other, own) for other in left.values())}
        assert {i for i in left if ranks[i] == rank} == first
        left = {i: point for i, point in left.items() if i not in first}
        rank += 1


def test_the_worst_of_many_stops_and_the_reason_has_the_figures() -> None:
    peers = tuple((0.5 + place / 100, 10, 10) for place in range(8))
    rule = HalvingRule(10, 10, (Rung(2, peers),), 0.5, 8)
    assert rule.judge(1, 0.1) == ""  # no rung
    reason = rule.judge(2, 0.4321)
    assert "43.21% validation accuracy after epoch 2" in reason
    assert "8 of 8 candidates before it were ahead" in reason
    assert HalvingRule(10, 10, (Rung(2, peers[:7]),), 0.5, 8).judge(2, 0.1) == ""  # too few peers to decide


def make_trial(number: int, state: TrialState, accuracies: tuple[float, ...]) -> Trial:
    curve = tuple(EpochResult(epoch, 5, 1.0, 0.1, value, 0.5) for epoch, value in enumerate(accuracies, start=1))
    return Trial(number, state, "propose_architecture", costs=make_costs(number, 1), curve=curve)


def test_peers_are_those_that_reached_the_rung_before_the_batch() -> None:
    settled = [
        make_trial(1, "trained", (0.1, 0.2, 0.3)),
        make_trial(2, "stopped", (0.1,)),
        make_trial(3, "failed", (0.1, 0.1)),
        make_trial(4, "trained", (0.4, 0.5, 0.6)),
    ]
    open_one = make_trial(5, "proposed", ())
    settings = HalvingSettings(rungs=(1, 2))
    (rule,) = build_halving_rules([open_one], settled, settings, batch=["c004", "c005"]).values()
    assert [rung.peers for rung in rule.rungs] == [((0.1, 1, 1), (0.1, 2, 1)), ((0.2, 1, 1),)]
    assert (rule.macs, rule.params) == (5, 1)
    assert build_halving_rules([open_one], settled, HalvingSettings(), batch=["c005"]) == {}


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    root = tmp_path_factory.mktemp("halved")
    settings = {"design__max_proposals": 30, "design__max_trials": 15, "design__num_whole": 30, **HALVING}
    return finish_run(root, draw_answers(30), run_id="halved", **settings)


def test_stopped_trials_are_marked_and_never_on_the_front(halved: RunStore) -> None:
    trials = halved.load_trials()
    stopped = [trial for trial in trials if trial.state == "stopped"]
    assert len(stopped) >= 3
    for trial in stopped:
        assert trial.validation_accuracy is None
        assert 1 <= len(trial.curve) < EPOCHS
        assert f"after epoch {len(trial.curve)}" in trial.reason
    records = read_records(halved)
    assert not {trial.id for trial in stopped} & records.is_on_front
    assert not {trial.id for trial in stopped} & {trial.id for trial in records.trained}
    assert [member.id for member in records.front] == [
        member.id for member in find_front([trial for trial in trials if trial.state != "stopped"])
    ]
    assert sum(len(trial.curve) > 0 for trial in trials) == 15  # they use up trials like any other


def test_the_records_say_why_a_trial_was_stopped(halved: RunStore) -> None:
    records = read_records(halved)
    trial = next(trial for trial in records.trials if trial.state == "stopped")
    assert trial.reason in describe_verdict(records, trial.id)
    root, run = halved.folder.parent, halved.run_id
    asked = kilosmith("ask", run, f"why was {trial.id} stopped?", "--runs", str(root), cwd=root)
    assert "stopped early" in asked.stdout
    assert "were ahead there" in " ".join(asked.stdout.split())
    shown = kilosmith("trials", run, "--json", "--runs", str(root), cwd=root)
    assert {one["state"] for one in json.loads(shown.stdout)} >= {"trained", "stopped"}
    transcript = kilosmith("replay", run, "--runs", str(root), cwd=root).stdout
    assert f"{trial.id}: training stopped" in transcript


def test_a_run_with_stopped_trials_verifies(halved: RunStore) -> None:
    root = halved.folder.parent
    verified = kilosmith("replay", halved.run_id, "--verify", "--runs", str(root), cwd=root)
    assert verified.returncode == 0, verified.stderr


def test_batches_decide_from_what_was_settled_before_them(tmp_path: Path) -> None:
    """A batch of five has fewer peers than five batches of one, and no member sees another."""
    settings = {
        "design__max_proposals": 28,
        "design__max_trials": 15,
        "design__num_whole": 28,
        **HALVING,
    }
    store = finish_run(tmp_path, draw_answers(28), run_id="batched", design__batch=5, **settings)
    trained = [trial for trial in store.load_trials() if trial.curve]
    assert all(trial.state != "stopped" for trial in trained[:5])
    for start in range(5, len(trained), 5):
        batch = trained[start : start + 5]
        halving_rules = build_halving_rules(
            [replace(trial, state="proposed") for trial in batch],
            trained[:start],
            HalvingSettings(rungs=(1, 2), min_peers=3),
            batch=[trial.id for trial in batch],
        )
        for trial in batch:
            reasons = [
                reason
                for result in trial.curve[: EPOCHS - 1]
                if (reason := halving_rules[trial.id].judge(result.epoch, result.validation_accuracy))
            ]
            assert reasons == ([trial.reason] if trial.state == "stopped" else [])


def test_without_rungs_nothing_changes(tmp_path: Path) -> None:
    store = build_example_run(tmp_path)
    assert not any(trial.state == "stopped" for trial in store.load_trials())
    phases = [line.record["data"] for line in store.load_trace() if isinstance(line.event, PhaseFinished)]
    assert phases
    assert not any("stopped" in data for data in phases)  # or runs recorded before rungs existed would not verify


@pytest.mark.slow
def test_real_trainings_stop_alike_whatever_the_workers(tmp_path: Path) -> None:
    found = []
    for workers in ("1", "2"):
        kilosmith(
            *("run", "--llm", "random", "--name", workers, "--workers", workers, "--approve", "ask"),
            *("--set", "design.max_trials=10", "--set", "design.batch=2", "--set", "data.train_limit=300"),
            *("--set", "training.halving.rungs=[1, 2]", "--set", "training.halving.min_peers=2"),
            cwd=tmp_path,
            stdin="",
        )
        trials = RunStore(tmp_path / "runs" / workers).load_trials()
        found.append([(trial.id, trial.state, trial.validation_accuracy, trial.reason) for trial in trials])
        verified = kilosmith("replay", workers, "--verify", cwd=tmp_path)
        assert verified.returncode == 0, verified.stderr
    assert found[0] == found[1]
    assert any(state == "stopped" for _, state, _, _ in found[0])
