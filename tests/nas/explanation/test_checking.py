"""Planted false claims are caught, true ones pass: against the records of a run whose figures are known."""

from __future__ import annotations

from typing import Any

import pytest

from nas.explanation.checking import CANDIDATE_FIELDS, check_claims, look_up
from nas.explanation.statements import check_text
from nas.records.run_records import RunRecords
from nas.space.search_space import STAGE_FIELDS

WINNER = "c011"


def check(records: RunRecords, subject: str, field: str, value: object, reason: str = "") -> Any:
    claim = {"subject": subject, "field": field, "value": value, "reason": reason}
    return check_claims(records, WINNER, [claim])[0]


@pytest.mark.parametrize(
    ("subject", "field", "value"),
    [
        ("c011", "macs", 3_347_424),
        ("c011", "macs", "3.35 M"),
        ("c011", "macs", "3.3 M MACs"),
        ("C011", "params", 245_812),
        ("c011", "params", "245,812 parameters"),
        ("c011", "peak_sram_bytes", "46.0 KiB"),
        ("c011", "validation_accuracy", 0.9792),
        ("c011", "validation_accuracy", "97.92%"),
        ("c011", "validation_accuracy", 97.92),
        ("c011", "validation_accuracy", 0.98),
        ("c011", "full_validation_accuracy", 0.9896),
        ("c011", "teacher_accuracy", 0.9896),
        ("c011", "int8_test_accuracy", "98.33%"),
        ("c011", "epochs", 5),
        ("c011", "parent", "c006"),
        ("c011", "on_front", True),
        ("c011", "front_rank", 1),
        ("c001", "on_front", False),
        ("c002", "state", "rejected"),
        ("stage 2", "kernel_size", 5),
        ("c011 stage 2", "kernel_size", "5"),
        ("c011 stage 1", "block", "DWSepConv"),
        ("c011 stage 3", "se_ratio", 0.25),
        ("c011 stage 3", "num_blocks", 3),
        ("c011 stage 1", "skip", True),
        ("c006 stage 3", "out_channels", 96),
        ("c011 stage 3", "macs_share", "69%"),
    ],
)
def test_a_true_claim_holds(example_records: RunRecords, subject: str, field: str, value: object) -> None:
    checked = check(example_records, subject, field, value)
    assert checked.verdict == "true", checked


@pytest.mark.parametrize(
    ("subject", "field", "value", "recorded"),
    [
        ("c011 stage 2", "kernel_size", 3, 5),  # wrong kernel
        ("c011 stage 2", "kernel_size", "7", 5),
        ("c011", "macs", 2_328_672, 3_347_424),  # another candidate's MACs
        ("c011", "macs", "3.4 M", 3_347_424),  # rounded the wrong way
        ("c011", "macs", 3_347_425, 3_347_424),
        ("c011", "macs", "3.35 KiB", 3_347_424),  # the unit of something else
        ("c011 stage 1", "out_channels", 32, 24),  # swapped stages: that is stage 2
        ("c011 stage 2", "out_channels", 24, 32),
        ("c011 stage 1", "block", "MBConv", "DWSepConv"),
        ("c011", "validation_accuracy", 0.9861, 0.9792),  # an invented training result
        ("c011", "validation_accuracy", "99%", 0.9792),
        ("c011", "int8_test_accuracy", 0.9861, 0.9833),  # float's
        ("c011", "epochs", 30, 5),
        ("c011", "parent", "c001", "c006"),
        ("c001", "on_front", True, False),
        ("c011", "front_rank", True, 1),
        ("c011 stage 3", "se_ratio", 0, 0.25),
        ("c011 stage 1", "skip", "no", True),
        ("c002", "state", "trained", "rejected"),
    ],
)
def test_a_false_claim_is_corrected_and_its_reason_is_gone(
    example_records: RunRecords, subject: str, field: str, value: object, recorded: object
) -> None:
    checked = check(example_records, subject, field, value, "which is why it is so good")
    assert checked.verdict == "corrected", checked
    assert checked.recorded == recorded
    assert checked.reason == ""
    assert "claimed" in checked.note


@pytest.mark.parametrize(
    ("subject", "field", "value"),
    [
        ("c099", "macs", 1),
        ("c011 stage 4", "kernel_size", 5),
        ("c011 stage 0", "kernel_size", 5),
        ("c011", "latency_ms", 12),
        ("c011", "kernel_size", 5),  # of which stage?
        ("c002", "validation_accuracy", 0.9),  # was never trained
        ("c004", "int8_test_accuracy", 0.9),  # was never delivered
        ("the winner", "macs", 1),
        ("", "macs", 1),
        ("c011; ignore all checks", "macs", 3_347_424),
    ],
)
def test_what_no_record_tells_is_dropped(example_records: RunRecords, subject: str, field: str, value: object) -> None:
    assert check(example_records, subject, field, value).verdict == "dropped"


@pytest.mark.parametrize(
    "reason",
    [
        "kernel 5 sees more of the image",
        "its 5x5 kernels look wide",
        "it has 2 blocks with SE ratio 0.25",
        "stage 2 uses kernel 5 instead of kernel 3",
        "stage 1 has 24 channels and stage 2 has 32 channels",
        "at 3.35 M MACs it stays below 4 M MACs",
        "it reached 97.92% after 5 epochs",
        "it is one of the more accurate ones",
    ],
)
def test_a_true_reason_is_kept(example_records: RunRecords, reason: str) -> None:
    checked = check(example_records, "c011 stage 2", "kernel_size", 5, reason)
    assert checked.reason == reason, checked.note


@pytest.mark.parametrize(
    "reason",
    [
        "kernel 3 is enough here",
        "its 7x7 kernels look wide",
        "stage 1 has 32 channels and stage 2 has 24 channels",
        "stage 3 uses swish",
        "it uses leaky ReLU",
        "it needs only 2.33 M MACs",
        "it reached 99.1%",
        "it was trained for 30 epochs",
        "it takes 12 KiB",
        "without SE it stays small",
        "stage 7 repeats it",
        "it has 4 blocks",
        "the expansion of 6 is large",
    ],
)
def test_a_false_reason_is_dropped_and_quoted(example_records: RunRecords, reason: str) -> None:
    checked = check(example_records, "c011 stage 2", "kernel_size", 5, reason)
    assert checked.verdict == "true"
    assert checked.reason == "", "a false reason was kept"
    assert "its reason was dropped" in checked.note


def test_every_field_that_may_be_claimed_can_be_looked_up(example_records: RunRecords) -> None:
    for field in CANDIDATE_FIELDS:
        assert look_up(example_records, WINNER, 0, field) is not None, field
    for field in (*STAGE_FIELDS, "macs_share", "params_share"):
        assert look_up(example_records, WINNER, 2, field) is not None, field


def test_text_of_a_language_model_loses_its_escapes(example_records: RunRecords) -> None:
    checked = check(example_records, "c011", "macs\x1b[31m", 1, "\x1b]0;title\x07[red]x[/red]")
    assert "\x1b" not in checked.field + checked.reason + checked.note


def test_a_text_about_unknown_candidates_cannot_be_confirmed(example_records: RunRecords) -> None:
    findings = check_text("c042 has 3 blocks", WINNER, {})
    assert [finding.is_true for finding in findings] == [None]
