"""The main job from the command line, with real components, made small."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import FAST, PATIENCE, kilosmith, start_kilosmith
from search_examples import make_stages


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def without_time(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key != "seconds"}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return [strip(trial) for trial in trials]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A folder with one finished run, its JSON document and what it said on stderr."""
    folder = tmp_path_factory.mktemp("finished")
    result = kilosmith("run", "--llm", "mutate", "--name", "one", "--json", *FAST, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder, json.loads(result.stdout), result.stderr


def test_a_run_leaves_its_records(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, document, _ = finished
    run = folder / "runs" / "one"
    for name in ("config.json", "trials.jsonl", "trace.jsonl", "checkpoints.sqlite", "transcript.txt", "report.html"):
        assert (run / name).stat().st_size > 0
    trials = read_lines(run / "trials.jsonl")
    assert sum(trial["state"] == "trained" for trial in trials) == 2
    assert [trial["number"] for trial in trials] == list(range(1, len(trials) + 1))
    assert document["counts"]["trained"] == 2
    sequence = [record["seq"] for record in read_lines(run / "trace.jsonl")]
    assert sequence == list(range(1, len(sequence) + 1))


def test_the_delivery_was_executed_in_tflm_on_every_test_image(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, document, _ = finished
    winner = document["winners"][0]
    delivery = folder / "runs" / "one" / "delivery" / winner
    metrics = json.loads((delivery / "metrics.json").read_text())
    assert metrics["num_test_images"] == 359
    assert abs(metrics["int8_test_accuracy"] - metrics["float_test_accuracy"]) <= 0.02
    assert metrics["agreement"] >= 0.95
    assert metrics["training"]["weights_of_phase"] in metrics["training"]["validation_accuracy"]
    for name in ("model.tflite", "model.onnx", "weights.safetensors", "architecture.json", "EXPLANATION.md"):
        assert (delivery / name).stat().st_size > 0
    assert (delivery / "firmware" / "model_data.cc").exists()
    assert winner in (delivery / "EXPLANATION.md").read_text()


def test_progress_goes_to_stderr_and_is_readable_without_a_terminal(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    folder, _, stderr = finished
    assert "\x1b" not in stderr
    for word in ("screened", "trained", "Pareto front", "delivered to"):
        assert word in stderr
    transcript = (folder / "runs" / "one" / "transcript.txt").read_text()
    assert "Pareto front" in transcript
    assert "\x1b" not in transcript
    assert "<html" in (folder / "runs" / "one" / "transcript.html").read_text()


def test_the_records_can_be_read_afterwards(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, document, stderr = finished
    front = json.loads(kilosmith("front", "latest", "--json", cwd=folder).stdout)
    assert [member["id"] for member in front] == [member["id"] for member in document["front"]]
    assert "accuracy" in kilosmith("front", "one", cwd=folder).stdout
    trials = json.loads(kilosmith("trials", "one", "--json", cwd=folder).stdout)
    assert trials == read_lines(folder / "runs" / "one" / "trials.jsonl")
    assert "c001" in kilosmith("trials", "runs/one", cwd=folder).stdout
    replayed = kilosmith("replay", "one", cwd=folder).stdout
    screened = re.findall(r"screened  (c\d+ \w+)", stderr)
    assert len(screened) == len(trials)
    assert re.findall(r"screened  (c\d+ \w+)", replayed) == screened


def test_resuming_a_finished_run_changes_nothing(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, document, _ = finished
    before = (folder / "runs" / "one" / "trials.jsonl").read_bytes()
    result = kilosmith("resume", "one", "--json", "--quiet", cwd=folder)
    assert result.returncode == 0
    assert result.stderr == ""
    again = json.loads(result.stdout)
    assert {**again, "folder": ""} == {**document, "folder": ""}
    assert (folder / "runs" / "one" / "trials.jsonl").read_bytes() == before


def test_exporting_again_gives_the_same_bytes_and_a_too_small_board_is_refused_with_figures(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    folder, document, _ = finished
    result = kilosmith("export", "one", "--out", "again", "--json", cwd=folder)
    assert result.returncode == 0, result.stderr
    winner = document["winners"][0]
    assert read_folder(folder / "again") == read_folder(folder / "runs" / "one" / "delivery" / winner)
    config_path = folder / "runs" / "one" / "config.json"
    config = config_path.read_text()
    shrunk = json.loads(config)
    shrunk["config"]["budget"]["peak_sram_bytes"] = 4096
    config_path.write_text(json.dumps(shrunk))
    refused = kilosmith("export", "one", cwd=folder)
    config_path.write_text(config)
    assert refused.returncode == 5
    assert "does not fit" in refused.stderr.splitlines()[-1]
    assert "4,096" in refused.stderr or "4.0 KiB" in refused.stderr


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_delivery_verifies_and_an_altered_one_is_named(
    finished: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    folder, document, _ = finished
    winner = document["winners"][0]
    copy = shutil.copytree(folder / "runs" / "one" / "delivery" / winner, tmp_path / "copy")
    sound = kilosmith("verify", "copy", "--json", cwd=tmp_path)
    assert sound.returncode == 0, sound.stderr
    assert json.loads(sound.stdout)["candidate"] == winner
    model = bytearray((copy / "model.tflite").read_bytes())
    model[len(model) // 2] ^= 1
    (copy / "model.tflite").write_bytes(bytes(model))
    altered = kilosmith("verify", "copy", cwd=tmp_path)
    assert altered.returncode == 5
    assert "model.tflite must have SHA-256" in altered.stderr.splitlines()[-1]


def test_the_same_seed_gives_the_same_trials_even_through_an_interruption(
    finished: tuple[Path, dict[str, Any], str], tmp_path: Path
) -> None:
    process = start_kilosmith("run", "--llm", "mutate", "--name", "two", *FAST, cwd=tmp_path)
    run = tmp_path / "runs" / "two"
    while not any(trial["state"] == "trained" for trial in read_lines(run / "trials.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "kilosmith: interrupted"
    assert "resume" in stderr
    assert "Traceback" not in stderr
    result = kilosmith("resume", "two", "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    uninterrupted = read_lines(finished[0] / "runs" / "one" / "trials.jsonl")
    assert without_time(read_lines(run / "trials.jsonl")) == without_time(uninterrupted)
    winner = finished[1]["winners"][0]
    models = [
        (folder / "delivery" / winner / "model.tflite").read_bytes() for folder in (run, finished[0] / "runs" / "one")
    ]
    assert models[0] == models[1]


@pytest.mark.parametrize("seconds", [0.4, 1.5, 4.0])
def test_ctrl_c_ends_cleanly_even_while_native_modules_load(seconds: float, tmp_path: Path) -> None:
    process = start_kilosmith("run", "--llm", "random", *FAST, cwd=tmp_path)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "kilosmith: interrupted"
    assert "Traceback" not in stderr


def test_a_search_without_a_legal_candidate_ends_with_code_3(tmp_path: Path) -> None:
    limits = ("--set", "budget.macs_min=1", "--set", "budget.macs_max=2", "--set", "design.max_proposals=3")
    result = kilosmith("run", "--llm", "random", *limits, cwd=tmp_path)
    assert result.returncode == 3
    assert "of 3 proposals none was legal" in result.stderr.splitlines()[-1]


@pytest.mark.usefixtures("_made_up_training")
def test_a_failing_chat_model_ends_with_code_4_and_the_run_can_go_on(tmp_path: Path) -> None:
    script = tmp_path / "answers.json"
    script.write_text(json.dumps([{"error": "the server is gone"}]))
    arguments = ("--llm", "scripted:answers.json", "--name", "one", *FAST, "--set", "design.max_trials=1")
    result = kilosmith("run", *arguments, cwd=tmp_path)
    assert result.returncode == 4
    assert "the server is gone" in result.stderr.splitlines()[-1]
    call = {"name": "propose_architecture", "args": {"stages": make_stages()}}
    script.write_text(json.dumps([{"tool_calls": [call]}]))
    resumed = kilosmith("resume", "one", "--quiet", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.usefixtures("_made_up_training")
def test_approval_waits_for_a_person_and_can_name_another_candidate(tmp_path: Path) -> None:
    arguments = ("run", "--llm", "mutate", "--approve", "ask", "--name", "one", *FAST)
    waiting = kilosmith(*arguments, cwd=tmp_path, stdin="")
    assert waiting.returncode == 130, waiting.stderr
    assert "Deliver c0" in waiting.stderr
    declined = kilosmith("resume", "one", "--json", cwd=tmp_path, stdin="maybe\nno\n")
    assert declined.returncode == 0, declined.stderr
    assert "neither yes, no nor" in declined.stderr
    assert json.loads(declined.stdout)["deliveries"] == {}
    assert not (tmp_path / "runs" / "one" / "delivery").exists()


def test_the_embedded_language_model_designs_a_network_that_is_delivered(tmp_path: Path) -> None:
    result = kilosmith("run", "--name", "one", "--json", *FAST, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    trials = read_lines(tmp_path / "runs" / "one" / "trials.jsonl")
    assert {trial["state"] for trial in trials} == {"trained"}  # grammar and masks leave no room for anything else
    trace = read_lines(tmp_path / "runs" / "one" / "trace.jsonl")
    answers = [record for record in trace if record["kind"] == "llm_answered"]
    *designs, explanation = answers
    assert len(designs) == len(trials)
    assert [call["name"] for call in explanation["data"]["tool_calls"]] == ["select_claims"]
    (candidate,) = document["winners"]
    told = (tmp_path / "runs" / "one" / "delivery" / candidate / "EXPLANATION.md").read_text()
    assert "smollm2 chose and ordered" in told
    assert all(record["data"]["usage"]["output_tokens"] > 0 for record in answers)
    assert document["llm"]["answers"] == len(answers)
    assert document["llm"]["output_tokens"] > 0
    assert document["deliveries"]


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("training.teacher.source=/nowhere", "a teacher must have model.safetensors; /nowhere has none"),
        ("training.device=cuda", "training.device cuda must be there"),
        ("data.spec=folder:/nowhere", "/nowhere is none"),
    ],
)
def test_what_training_lacks_is_reported_before_a_run_begins(tmp_path: Path, setting: str, fault: str) -> None:
    if "cuda" in setting and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = kilosmith("run", "--llm", "random", "--set", setting, cwd=tmp_path)
    assert result.returncode == 2
    assert fault in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_teacher_is_trained_once_and_used_by_a_run_on_a_folder_of_images(tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images[:400], digits.target[:400], strict=True)):
        path = tmp_path / "images" / f"digit {label}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15).astype("uint8")).save(path)
    data = ("--data", "folder:images", *FAST)
    made = kilosmith("teacher", "--out", "made", "--json", *data, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    ran = kilosmith(
        *("run", "--llm", "mutate", "--name", "one", "--json", *data),
        *("--set", "training.teacher.source=made", "--set", "data.validation_fraction=0.2"),
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    (delivery,) = json.loads(ran.stdout)["deliveries"].values()
    assert delivery["metrics"]["num_test_images"] == 80
    assert delivery["distill"]["teacher_accuracy"] == pytest.approx(json.loads(made.stdout)["validation_accuracy"])
