"""The library's public interface: light to import, complete, documented, and sufficient from a draw to a delivery."""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import ROOT, environment
from search_examples import BUDGET, SPACE, TASK

import kilosmith
from kilosmith import _MODULES
from nas.training.recipe import QAT

HEAVY = {"torch", "tensorflow", "numpy", "langchain_core", "langgraph", "rich", "typer", "pydantic", "nas", "agent"}


def test_importing_it_loads_nothing_else(tmp_path: Path) -> None:
    code = f"import sys, kilosmith; dir(kilosmith); print(*{HEAVY} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_costs_need_neither_torch_nor_numpy(tmp_path: Path) -> None:
    code = (
        "import sys, random, kilosmith as k\n"
        "space, task, board = k.SearchSpace(num_stages=3), k.Task(32, 32, 1, 10), k.find_board('nrf52840')\n"
        "budget = k.Budget(macs_min=1, macs_max=4_000_000, peak_sram_bytes=49_152, flash_bytes=524_288).capped(board)\n"
        "k.estimate(k.sample_feasible(space, task, budget, random.Random(0)), space, task, budget)\n"
        "print(*{'torch', 'tensorflow', 'numpy'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize("name", sorted(_MODULES))
def test_every_export_is_documented_where_it_is_defined(name: str) -> None:
    value = getattr(kilosmith, name)
    assert value.__doc__
    assert value.__doc__.strip()
    assert value.__module__ == _MODULES[name]


def test_table_names_and_types_agree() -> None:
    tree = ast.parse((ROOT / "kilosmith" / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == _MODULES
    assert sorted(kilosmith.__all__) == sorted([*_MODULES, "__version__"])
    assert set(kilosmith.__all__) <= set(dir(kilosmith))


def test_version_and_unknown_names() -> None:
    assert kilosmith.__version__ == version("kilosmith")
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = kilosmith.nonsense


def test_a_network_too_large_is_reported_with_edits_that_cure_it() -> None:
    stage = kilosmith.Stage("MBConv", 64, 7, 1, 6, 0.5, False, "swish", 1)
    architecture = kilosmith.Architecture((stage, replace(stage, stride=2), replace(stage, out_channels=16)))
    task = kilosmith.Task(16, 16, 1, 10)
    budget = BUDGET.model_copy(update={"macs_max": 9_000_000, "peak_sram_bytes": 100_000})
    found = kilosmith.estimate(architecture, SPACE, task, budget)
    assert not found.is_legal
    suggestion = found.violations[0].cheapest_edits[0]
    cured = kilosmith.estimate(SPACE.apply(architecture, suggestion.edits), SPACE, task, budget)
    assert cured.is_legal
    assert cured.report.price.arena_bytes == suggestion.value_after


def test_from_a_legal_draw_to_a_verified_delivery(tmp_path: Path) -> None:
    board = kilosmith.find_board("nrf52840")
    budget = BUDGET.model_copy(update={"macs_min": 1, "macs_max": 100_000}).capped(board)
    space = kilosmith.SearchSpace(num_stages=1)
    architecture = kilosmith.sample_feasible(space, TASK, budget, random.Random(0))
    found = kilosmith.estimate(architecture, space, TASK, budget)
    assert found.is_legal
    data = kilosmith.load_dataset("digits", validation_fraction=0.2, seed=0)
    network = kilosmith.build_network(architecture, TASK, seed=0)
    recipe = kilosmith.Recipe(epochs=1, learning_rate=0.05, schedule="cosine")
    epochs: list[int] = []
    trained = kilosmith.train_network(network, data, recipe, on_epoch=lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [1]
    assert not trained.failure
    never = QAT.model_copy(update={"threshold": 1.0})
    delivery = kilosmith.export_network(network, data, board, budget, tmp_path / "out", recipe=recipe, finetuning=never)
    assert delivery.metrics.training.validation_accuracy["full"] == pytest.approx(trained.validation_accuracy)
    assert delivery.metrics.macs == found.report.price.macs
    assert kilosmith.verify_delivery(tmp_path / "out") == delivery.metrics


def test_a_network_is_finetuned_where_int8_loses_too_much() -> None:
    from nas.export.scoring import prepare
    from nas.training.network_training import finetune_network

    data = kilosmith.load_dataset("digits", validation_fraction=0.2, seed=0, train_limit=200)
    architecture = kilosmith.sample_feasible(SPACE, TASK, BUDGET, random.Random(0))
    network = kilosmith.build_network(architecture, TASK, seed=0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = prepare(data.train.images[:16], data, TASK)
    tuned = finetune_network(network, data, QAT.model_copy(update={"epochs": 1}), images)
    assert tuned.outcome.phase == "qat"
    assert not tuned.outcome.failure
    assert all((tensor == before[name]).all() for name, tensor in network.state_dict().items())


def test_the_readme_shows_code_that_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    price, accuracy = done.stdout.splitlines()
    assert price.startswith("Price(macs=")
    assert 0.1 < float(accuracy) <= 1


def test_a_run_is_read_by_its_folder_or_its_name(example_root: Path) -> None:
    records = kilosmith.load_run(example_root / "example")
    assert records.trials == kilosmith.load_run("latest", runs=example_root).trials
    assert records.front
    assert records.board == kilosmith.find_board(records.board.name)
    assert all(member.state == "trained" for member in records.front)


def test_an_unknown_run_is_an_expected_error(tmp_path: Path) -> None:
    with pytest.raises(kilosmith.KilosmithError, match="RUN must be"):
        kilosmith.load_run("nothing", runs=tmp_path)
