"""What the comparison of several runs says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import kilosmith
from example_run import FIRST, SMALL, finish_run, says, whole
from page_reader import PageReader

from agent.report.figures import ProgressStep
from agent.report.groups import group_runs, trace_groups
from agent.report.saving import find_runs, save_comparison, save_report
from agent.running.inquiry import read_records
from nas.errors import SettingError
from nas.records.run_store import RunStore
from nas.statistics import half_width_of_mean, mean_share


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("three")
    for seed, figures in enumerate(({"c001": 0.9, "c002": 0.8}, {"c001": 0.8, "c002": 0.7}, {"c001": 0.7})):
        answers = [says(whole(*FIRST)), says(whole(*SMALL))]
        finish_run(root, answers, run_id=f"seed{seed}", figures=figures, seed=seed, design__max_proposals=2)
    return root


def test_comparison_gives_hypervolume_with_its_interval(three_runs: Path, tmp_path: Path) -> None:
    names = ["seed0", "seed1", "seed2"]
    out = tmp_path / "comparison.html"
    result = kilosmith("compare", *names, "--runs", str(three_runs), "--out", str(out), "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    volumes = [read_records(RunStore(three_runs / name)).finished.hypervolume for name in names]
    assert [row["hypervolume"] for row in document["runs"]] == volumes
    (group,) = document["designers"]
    assert group["hypervolume"]["mean"] == pytest.approx(sum(volumes) / 3)
    assert group["hypervolume"]["half_width"] == pytest.approx(half_width_of_mean(volumes))
    rows = PageReader(out.read_text(encoding="utf-8")).tables["Search statistics (as the paper's Table III)"]
    assert [row[-1] for row in rows[1:]] == [f"{volume:.4f}" for volume in volumes]


def test_comparison_shows_the_same_things_of_every_run(three_runs: Path, tmp_path: Path, example_root: Path) -> None:
    shutil.copytree(example_root / "example", three_runs / "example", dirs_exist_ok=True)
    out = tmp_path / "comparison.html"
    runs = save_comparison(find_runs(three_runs, ["seed0", "example"]), out)
    page = PageReader(out.read_text(encoding="utf-8"))
    of_all = {"pareto", "sram", "volumes", "means", "yields", "groups", "endings", "causes"}
    assert set(page.charts) == of_all | {"run-1-sram", "run-2-sram"}
    ended = page.tables["How the proposals ended, in proposals"]
    assert ended[0][1:] == ["seed0", "example"]
    sums = [sum(int(row[place]) for row in ended[1:]) for place in (1, 2)]
    assert sums == [len(records.trials) for records in runs.values()]
    broke = {row[0]: row[1:] for row in page.tables["What the proposals broke, in proposals"][1:]}
    peaks = [sum(one.constraint == "peak_sram" for t in r.trials for one in t.violations) for r in runs.values()]
    assert [int(count) for count in broke["limit of peak SRAM"]] == peaks
    caption = next(name for name in page.tables if name.startswith("The most accurate networks"))
    networks = page.tables[caption][1:]
    for name, records in runs.items():
        own = [row for row in networks if row[0] == name]
        assert [row[1] for row in own] == [member.id for member in records.front[:5]]
        assert all(float(row[7]) <= records.budget.peak_sram_bytes / 1024 for row in own)
    for number, (name, records) in enumerate(runs.items(), start=1):
        caption = next(caption for caption in page.tables if caption.startswith(f"The front of {name};"))
        assert [row[0] for row in page.tables[caption][1:]] == [member.id for member in records.front]
        bars = page.charts[f"run-{number}-sram"]["data"]["values"]
        assert {bar["id"] for bar in bars} == {member.id for member in records.front}
    (line,) = {
        one["value"] for layer in page.charts["sram"]["layer"] for one in layer.get("data", {}).get("values", ())
    }
    assert line == 48


def test_comparison_links_the_reports_that_there_are(three_runs: Path, tmp_path: Path) -> None:
    with_report = save_report(RunStore(three_runs / "seed1"))
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "elsewhere" / "comparison.html"
    save_comparison(find_runs(three_runs, ["seed0", "seed1"]), out)
    found = PageReader(out.read_text(encoding="utf-8"))
    links = {attributes.get("href") or "" for tag, attributes in found.tags if tag == "a"}
    (report,) = {link for link in links if not link.startswith("#")}
    assert (out.parent / report).resolve() == with_report.resolve()


def test_comparison_makes_no_markup_of_a_name(three_runs: Path, tmp_path: Path, library: str) -> None:
    clean = "</script><script>alert(1)</script><b onclick='x'>"
    shutil.copytree(three_runs / "seed0", three_runs / "javascript:alert(1)" / "run", dirs_exist_ok=True)
    save_report(RunStore(three_runs / "javascript:alert(1)" / "run"))
    stores = {clean: RunStore(three_runs / "javascript:alert(1)" / "run"), "seed1": RunStore(three_runs / "seed1")}
    out = three_runs / "comparison.html"  # so that the link's relative address begins with the hostile name
    save_comparison(stores, out)
    found = PageReader(out.read_text(encoding="utf-8"))
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert not [tag for tag, attributes in found.tags if "onclick" in attributes]
    links = [attributes["href"] or "" for tag, attributes in found.tags if tag == "a"]
    assert "javascript%3Aalert%281%29/run/report.html" in links
    assert not [link for link in links if link.startswith("javascript:")]
    assert found.tables["The runs, each with its most accurate candidate"][1][0] == clean


def test_interval_is_students_t(three_runs: Path) -> None:
    # 3 values: t = 4.3027, standard deviation 0.1
    assert half_width_of_mean([0.4, 0.5, 0.6]) == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)
    assert half_width_of_mean([0.4]) is None
    stores = find_runs(three_runs, ["seed0", "seed1"])
    (group,) = group_runs({name: read_records(store) for name, store in stores.items()})
    assert re.fullmatch(r"0\.\d{4} \[0\.\d{4}, [01]\.\d{4}\]", str(group.hypervolume))


def test_interval_of_shares_holds_shares_only() -> None:
    wide = mean_share([0.70, 0.80])
    assert wide.half_width == pytest.approx(12.7062 * 0.05, rel=1e-4)
    assert (wide.mean, wide.low, wide.high) == (pytest.approx(0.75), pytest.approx(0.75 - 0.63531, abs=1e-4), 1.0)
    single = mean_share([0.5])
    assert (single.low, single.high, str(single)) == (0.5, 0.5, "0.5000 (one run)")


def test_designers_are_traced_to_the_end_of_their_longest_run(three_runs: Path) -> None:
    stores = find_runs(three_runs, ["seed0", "seed1"])
    groups = group_runs({name: read_records(store) for name, store in stores.items()})
    progress = {
        "seed0": [ProgressStep(number, 1, volume, 100.0) for number, volume in enumerate((0.2, 0.4, 0.6), start=1)],
        "seed1": [ProgressStep(1, 1, 0.4, 100.0)],  # over after one proposal: its front stays
    }
    (steps,) = trace_groups(groups, progress)
    assert [step.number for step in steps] == [1, 2, 3]
    assert [step.hypervolume.mean for step in steps] == pytest.approx([0.3, 0.4, 0.5])
    assert steps[1].hypervolume.half_width == 0.0


def test_runs_that_measure_different_things_are_not_compared(three_runs: Path, tmp_path: Path) -> None:
    settings = {"run_id": "other", "design__max_proposals": 1, "budget__macs_max": 3_000_000}
    finish_run(three_runs, [says(whole(*FIRST))], **settings)  # type: ignore[arg-type]
    result = kilosmith("compare", "seed0", "other", "--runs", str(three_runs), cwd=tmp_path)
    assert result.returncode == 2
    assert "another budget" in result.stderr
    with pytest.raises(SettingError, match="two different runs"):
        find_runs(three_runs, ["seed0", "seed0"])
