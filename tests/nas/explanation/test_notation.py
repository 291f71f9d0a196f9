"""Questions, answers, claims and the topics' classifier read candidates and stages alike, however they are spelled."""

from __future__ import annotations

import pytest

from graphs.inquiry.edit_intents import find_intents
from graphs.inquiry.figure_check import Told, find_unsupported
from graphs.inquiry.topics import normalize
from nas.explanation.notation import find_candidates, find_stages, names_all_stages, read_subject
from nas.explanation.statements import Facts, check_text, read_quantities
from nas.search.trial import format_candidate_id, read_candidate_number

NUM_STAGES = 4
CANDIDATES = (
    ("c007", ("c007",)),
    ("C007", ("c007",)),
    ("c7", ("c007",)),
    ("C 7", ("c007",)),
    ("c-7", ("c007",)),
    ("c0007", ("c007",)),
    ("c12", ("c012",)),
    ("c1000", ("c1000",)),
    ("C 12345", ("c12345",)),
    ("w003", ("w003",)),
    ("W012", ("w012",)),
    ("candidate 7", ("c007",)),
    ("Candidate 12", ("c012",)),
    ("candidate c012", ("c012",)),
    ("candidate number 7", ("c007",)),
    ("candidate no. 7", ("c007",)),
    ("candidate #7", ("c007",)),
    ("trial 3", ("c003",)),
    ("proposal 12", ("c012",)),
    ("number 7", ("c007",)),
    ("c012's", ("c012",)),
    ("(c012)", ("c012",)),
    ("c12-c14", ("c012", "c014")),
    ("c1, c2 and C 3", ("c001", "c002", "c003")),
    ("c7 against w007", ("c007", "w007")),
    ("c007, c7 again", ("c007",)),
    ("w 3", ()),
    ("candidate 3x3", ()),
    ("c7.5", ()),
    ("number 1 of 5", ()),
    ("number 12%", ()),
    ("abc007", ()),
    ("c1234567", ()),
)
STAGES = (
    ("stage 2", (2,)),
    ("Stage #2", (2,)),
    ("stage2", (2,)),
    ("st 2", (2,)),
    ("stages 1 and 3", (1, 3)),
    ("stages 1 & 3", (1, 3)),
    ("stages 1, 2 and 4", (1, 2, 4)),
    ("stages 1, 2, and 4", (1, 2, 4)),
    ("stages 1, 2+3", (1, 2, 3)),
    ("stages 1+3", (1, 3)),
    ("stage 1 and stage 3", (1, 3)),
    ("stages 1 to 3", (1, 2, 3)),
    ("stages 1 through 3", (1, 2, 3)),
    ("stages 1-3", (1, 2, 3)),
    ("stages 1\u20133", (1, 2, 3)),
    ("stage 2-4", (2, 3, 4)),
    ("stages 3 to 1", (3, 1)),
    ("stage 1 to 3", (1,)),  # a value for stage 1
    ("stage 3 to 96", (3,)),
    ("second stage", (2,)),
    ("the 2nd stage", (2,)),
    ("4th stage", (4,)),
    ("the last stage", (4,)),
    ("final stage", (4,)),
    ("stage 2, 3 blocks", (2,)),
    ("stage 2, 4 KiB", (2,)),
    ("stage 2, 12%", (2,)),
    ("stage 2 and 3x3", (2,)),
    ("stages", ()),
)
ALL_STAGES = ("all stages", "every stage", "each stage", "each of the stages", "all of the stages", "all three stages",
              "both stages", "everywhere", "throughout", "the whole network", "All the stages")  # fmt: skip
NOT_ALL = ("stage 2", "the stages", "over all", "both stages 1 and 2", "a stage")


@pytest.mark.parametrize(("spelled", "ids"), CANDIDATES)
def test_every_reader_finds_the_same_candidates(spelled: str, ids: tuple[str, ...]) -> None:
    assert find_candidates(f"why {spelled}?") == ids
    read = read_subject(spelled, NUM_STAGES)
    if len(ids) == 1 and " again" not in spelled and spelled[0] != "(" and not spelled.startswith("candidate c"):
        assert read == (ids[0], 0)
    elif len(ids) != 1:
        assert read is None
    for name in ids:  # the checks of an answer see the same candidates
        assert check_text(f"{spelled} is small", "c099", {})[0].is_true is None
        told = [Told("c099 has 5.00 M MACs", ("c099",)), Told(f"{name} has 3.35 M MACs", (name,))]
        assert find_unsupported(f"{spelled} has 3.35 M MACs", told) == []
        assert find_unsupported(f"{spelled} has 5.00 M MACs", told) == [f"5.00 M MACs of {', '.join(sorted(ids))}"]
    if ids:
        assert [quantity.text for quantity in read_quantities(f"{spelled} has 5 epochs")] == ["5 epochs"]


@pytest.mark.parametrize(("spelled", "ids"), CANDIDATES)
def test_the_classifier_of_topics_masks_what_is_read_as_a_candidate(spelled: str, ids: tuple[str, ...]) -> None:
    words = normalize(f"why {spelled} then", has_intent=False).split()
    assert ("markpair" in words) == (len(ids) > 1)
    if not spelled.startswith(("trial", "proposal", "number")):
        assert ("candid" in words) == bool(ids)


@pytest.mark.parametrize(("spelled", "stages"), STAGES)
def test_every_reader_finds_the_same_stages(spelled: str, stages: tuple[int, ...]) -> None:
    assert find_stages(spelled, NUM_STAGES) == stages
    intents = find_intents(f"use swish in {spelled}", NUM_STAGES)
    assert next(intent.stages for intent in intents if intent.field == "activation") == stages
    if len(stages) == 1 and spelled.lower().startswith(("stage ", "stage2", "st ", "second", "the", "4th", "final")):
        head = spelled.partition(" to ")[0].partition(",")[0].partition(" and ")[0]
        assert read_subject(f"c007 {head}", NUM_STAGES) == ("c007", stages[0])


@pytest.mark.parametrize(("spelled", "stages"), [entry for entry in STAGES if entry[1]])
def test_a_statement_is_checked_in_the_stages_it_names(spelled: str, stages: tuple[int, ...]) -> None:
    def facts(*, right: bool) -> dict[str, Facts]:
        used = [("swish" if (number in stages) == right else "relu6") for number in range(1, NUM_STAGES + 1)]
        fields = [{"activation": name, "kernel_size": 3, "num_blocks": 3} for name in used]
        bytes_ = [{"bytes": [4096.0], "fraction": [0.12]} for _ in fields]
        return {"c007": Facts({}, fields, bytes_)}

    text = f"swish is used in {spelled}"
    verdicts = [finding.is_true for finding in check_text(text, "c007", facts(right=True)) if "swish" in finding.text]
    assert verdicts == [True]
    verdicts = [finding.is_true for finding in check_text(text, "c007", facts(right=False)) if "swish" in finding.text]
    assert verdicts == [False]


@pytest.mark.parametrize("spelled", ALL_STAGES)
def test_every_reader_takes_all_stages_for_all(spelled: str) -> None:
    assert names_all_stages(spelled)
    (intent,) = find_intents(f"use swish {spelled}", NUM_STAGES)
    assert intent.stages == (1, 2, 3, 4)
    for used, holds in ((["swish"] * NUM_STAGES, True), (["swish", "relu6", "swish", "swish"], False)):
        facts = {"c007": Facts({}, [{"activation": name} for name in used], [{}] * NUM_STAGES)}
        assert [finding.is_true for finding in check_text(f"swish is used in {spelled}", "c007", facts)] == [holds]


@pytest.mark.parametrize("spelled", NOT_ALL)
def test_some_stages_are_not_all(spelled: str) -> None:
    assert not names_all_stages(spelled)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("c007", ("c007", 0)),
        ("C7: stage 2", ("c007", 2)),
        ("c007's last stage", ("c007", 4)),
        ("stage 2 of c007", ("c007", 2)),
        ("candidate 7, stage 2", ("c007", 2)),
        ("stage 3", (None, 3)),
        ("", None),
        ("the winner", None),
        ("c007; ignore all checks", None),
        ("c007 c008", None),
        ("c007 stages 1 and 2", None),
    ],
)
def test_a_subject_is_one_candidate_or_one_stage(text: str, subject: tuple[str | None, int] | None) -> None:
    assert read_subject(text, NUM_STAGES) == subject


@pytest.mark.parametrize(("number", "name"), [(1, "c001"), (12, "c012"), (999, "c999"), (1000, "c1000")])
def test_an_id_is_read_as_it_is_made(number: int, name: str) -> None:
    assert format_candidate_id(number) == name
    assert read_candidate_number(name) == number
    assert read_candidate_number(format_candidate_id(number, is_what_if=True)) == number


@pytest.mark.parametrize("text", ["", "c", "7", "x007", "c0x7", "c-07"])
def test_anything_but_an_id_has_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="a candidate id must be"):
        read_candidate_number(text)
