"""What the report says: the records' figures, untrusted text escaped, for every kind of outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import kilosmith
from example_run import FIRST, draw_answers, finish_run, says, whole
from page_reader import PageReader

from agent.report.figures import (
    count_causes,
    count_endings,
    list_candidates,
    sum_statistics,
    trace_progress,
)
from agent.report.member import read_member
from agent.report.published import NETWORKS, is_published_task
from agent.report.run_charts import draw_pareto
from agent.report.run_page import build_report
from agent.report.saving import save_report
from agent.running.inquiry import read_records
from nas.errors import NoLegalCandidateError
from nas.export.delivered import Delivered
from nas.export.metrics import ClassFigures
from nas.records.run_records import RunRecords
from nas.records.run_store import RunStore

MAX_BYTES = 5_000_000


@pytest.fixture(scope="module")
def page(example_records: RunRecords, library: str) -> str:
    return build_report("example", example_records, "the transcript", library)


def test_every_proposal_is_in_the_table_with_the_records_figures(example_records: RunRecords, page: str) -> None:
    head, *rows = PageReader(page).tables["Every proposal of the search"]
    assert head[:4] == ["candidate", "ended", "made from", "accuracy (%)"]
    assert len(rows) == len(example_records.trials)
    for row, trial in zip(rows, example_records.trials, strict=True):
        assert row[0] == trial.id
        assert row[1].split(",")[0] == trial.state
        assert ("on the front" in row[1]) == (trial.id in example_records.is_on_front)
        if trial.validation_accuracy is not None and trial.state == "trained":
            assert row[3] == f"{100 * trial.validation_accuracy:.2f}"
        if trial.state == "rejected":
            names = {"macs": ("MACs", "M"), "peak_sram": ("peak SRAM", "KiB"), "flash": ("flash", "KiB")}
            parts = row[9].split("; ")
            for part, (name, unit) in zip(parts, (names[one.constraint] for one in trial.violations), strict=True):
                assert part.startswith(name + " ")
                assert part.endswith(" " + unit)
        if trial.costs:
            assert row[5:9] == [
                f"{trial.costs.macs / 1e6:,.2f}",
                f"{trial.costs.params:,}",
                f"{trial.costs.arena_bytes / 1024:,.1f}",
                f"{trial.costs.flash_bytes / 1024:,.1f}",
            ]


def test_plots_hold_the_records_figures(example_records: RunRecords, page: str) -> None:
    charts = PageReader(page).charts
    points = {point["id"]: point for point in charts["pareto"]["data"]["values"]}
    assert set(points) == {trial.id for trial in example_records.trained}
    for trial in example_records.trained:
        costs = trial.priced
        assert points[trial.id]["accuracy_percent"] == 100 * (trial.validation_accuracy or 0)
        assert points[trial.id]["macs_m"] * 1e6 == pytest.approx(costs.macs)
        assert points[trial.id]["params_k"] * 1000 == pytest.approx(costs.params)
        assert points[trial.id]["sram_kib"] * 1024 == costs.arena_bytes
    bars = charts["sram"]["data"]["values"]
    for member in example_records.front:
        assert sum(bar["kib"] for bar in bars if bar["id"] == member.id) * 1024 == member.priced.arena_bytes
    steps = charts["hypervolume"]["data"]["values"]
    assert steps[-1]["hypervolume"] == example_records.finished.hypervolume


def test_network_is_shown_with_the_estimators_figures(example_records: RunRecords) -> None:
    for trial in example_records.front:
        member, costs = read_member(example_records, trial.id), example_records.costs(trial.id)
        assert sum(stage.macs_m for stage in member.stages) * 1e6 == pytest.approx(costs.price.macs)
        assert sum(stage.params for stage in member.stages) == costs.price.params
        assert [round(operator.live_kib * 1024) for operator in member.operators] == list(costs.live_bytes)
        assert [epoch.loss for epoch in member.epochs if epoch.phase == "mini-phase"] == [
            point.loss for point in trial.curve
        ]
        assert [stage.holds_peak for stage in member.stages].count(True) == 1
    delivered = read_member(example_records, example_records.delivered[0])
    assert {epoch.phase for epoch in delivered.epochs} == {"mini-phase", "full training", "distillation"}
    assert ("test accuracy, int8 in TFLM (359 test images)", "98.33%") in delivered.delivery
    assert delivered.statements


def test_progress_and_endings_add_up(example_records: RunRecords) -> None:
    endings = {ending.name: ending.count for ending in count_endings(example_records.trials)}
    assert sum(endings.values()) == len(example_records.trials)
    causes = {ending.name: ending.count for ending in count_causes(example_records.trials)}
    assert causes["duplicate"] == 1
    assert causes["outside the search space"] == 1
    over = [t for t in example_records.trials if any(v.constraint == "peak_sram" for v in t.violations)]
    assert causes["limit of peak SRAM"] == len(over)
    steps = trace_progress(example_records)
    assert [step.hypervolume for step in steps] == sorted(step.hypervolume for step in steps)
    assert steps[-1].trained == len(example_records.trained)
    legal = sum(trial.state in ("trained", "failed") for trial in example_records.trials)
    assert steps[-1].yield_percent == pytest.approx(100 * legal / len(example_records.trials))


def test_statistics_are_those_of_the_front(example_records: RunRecords) -> None:
    row = sum_statistics("this run", example_records)
    figures = [100 * (member.validation_accuracy or 0) for member in example_records.front]
    assert row.accuracy_percent == pytest.approx((min(figures), max(figures), sum(figures) / len(figures)))
    assert (row.candidates, row.on_front) == (len(example_records.trained), len(example_records.front))


def test_published_networks_stand_beside_cifar100_only(example_records: RunRecords, page: str) -> None:
    assert is_published_task("cifar100:/somewhere")
    assert not is_published_task("cifar10")
    assert "LMaNet-Elite" not in page
    points = draw_pareto(list_candidates(example_records), NETWORKS)["data"]["values"]
    elite = next(point for point in points if point["id"] == "LMaNet-Elite")
    assert (elite["accuracy_percent"], elite["macs_m"], elite["params_k"]) == (74.5, 86, 440)
    assert elite["sram_kib"] == pytest.approx(165_000 / 1024)


HOSTILE = "</script><script>alert(1)</script><b onclick='x'>\x1b[31mred\u202e"


def test_untrusted_text_never_becomes_markup(example_copy: RunStore, tmp_path: Path, library: str) -> None:
    with example_copy as store:
        store.lock()
        known = read_records(store).outcome("c011").metrics
        assert known is not None
        metrics = replace(known, per_class=(ClassFigures(HOSTILE, 10, 1.0, 0.9, drop=0.1),))
        store.append_event(Delivered("c011", metrics), "2026-01-01T00:00:00+00:00")
    page = build_report(HOSTILE, read_records(example_copy), HOSTILE, library)
    found = PageReader(page)
    clean = "</script><script>alert(1)</script><b onclick='x'>red"
    assert found.tables["Class by class, the largest loss of int8 first (test split)"][1][0] == clean
    assert not [tag for tag, attributes in found.tags if "onclick" in attributes]
    assert [tag for tag, _ in found.tags].count("script") == 3  # the data, the library, the page's own script
    assert "\x1b" not in page
    assert "\u202e" not in page.replace(library, "")


def test_page_loads_nothing_from_anywhere(page: str) -> None:
    for tag, attributes in PageReader(page).tags:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "default-src 'none'" in page


def test_run_without_a_legal_candidate_has_a_report_that_says_why(tmp_path: Path) -> None:
    too_large = whole({**FIRST[0], "kernel_size": 4}, *FIRST[1:])
    with pytest.raises(NoLegalCandidateError):
        finish_run(tmp_path, [says(too_large)] * 3 + [says()] * 40, run_id="nothing", design__max_proposals=3)
    page = save_report(RunStore(tmp_path / "nothing")).read_text(encoding="utf-8")
    found = PageReader(page)
    assert "No candidate was trained" in page
    assert "kernel_size" in found.tables["Every proposal of the search"][1][-1]
    assert "pareto" not in found.charts
    assert found.tables["Rejections by cause"][1] == ["outside the search space", "3"]


def test_command_writes_the_report_into_the_run_folder(example_copy: RunStore, tmp_path: Path) -> None:
    result = kilosmith("report", "example", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    path = tmp_path / document["report"]
    assert path.resolve() == (example_copy.folder / "report.html").resolve()
    assert path.stat().st_size == document["bytes"] < MAX_BYTES
    assert "Run example" in path.read_text(encoding="utf-8")
    elsewhere = kilosmith("report", "example", "--out", "no/such/folder/r.html", cwd=tmp_path)
    assert elsewhere.returncode == 2
    assert len(elsewhere.stderr.splitlines()) == 1


def test_report_grows_so_slowly_that_one_of_200_trials_is_small(tmp_path: Path) -> None:
    sizes = {}
    for count in (10, 40):
        settings = dict.fromkeys(("design__max_proposals", "design__max_trials", "design__num_whole"), count)
        store = finish_run(tmp_path, draw_answers(count), run_id=f"of-{count}", **settings)
        path = save_report(RunStore(store.folder))
        assert len(PageReader(path.read_text(encoding="utf-8")).tables["Every proposal of the search"]) == count + 1
        sizes[count] = path.stat().st_size
    bytes_per_trial = (sizes[40] - sizes[10]) / 30
    assert sizes[40] + 160 * bytes_per_trial < MAX_BYTES
