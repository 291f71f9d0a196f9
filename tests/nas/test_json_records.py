"""Records to JSON and back: what is missing or wrong is named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from nas.documents.json_records import JSON_NAME, LEFT_OUT, RecordError, read_record, write_record


@dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.5


@dataclass(frozen=True)
class Shape:
    kind: Literal["line", "area"] = field(metadata={JSON_NAME: "class"})
    points: tuple[Point, ...]
    center: Point | None
    tags: Mapping[str, int | str]
    note: str = field(default="", metadata=LEFT_OUT)


SHAPE = Shape("area", (Point(1, 2.0), Point(3)), None, {"a": 1, "b": "two"})
WRITTEN = (
    '{"class": "area", "points": [{"x": 1, "y": 2.0}, {"x": 3, "y": 0.5}], "center": null, '
    '"tags": {"a": 1, "b": "two"}}'
)


def test_a_record_is_written_in_the_order_of_its_fields() -> None:
    assert json.dumps(write_record(SHAPE)) == WRITTEN


def test_a_record_is_read_back() -> None:
    assert read_record(Shape, json.loads(WRITTEN)) == SHAPE
    noted = Shape("line", (), Point(2), {}, note="dashed")
    assert write_record(noted)["note"] == "dashed"
    assert read_record(Shape, json.loads(json.dumps(write_record(noted)))) == noted


def test_what_has_a_default_may_be_missing_and_what_is_unknown_is_passed_over() -> None:
    assert read_record(Point, {"x": 1, "z": 2}) == Point(1, 0.5)


def test_a_whole_number_is_read_as_it_is_where_a_number_is_wanted() -> None:
    assert json.dumps(write_record(read_record(Point, {"x": 1, "y": 2}))) == '{"x": 1, "y": 2}'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class": "circle"}, "'class' must be 'line' or 'area'; got 'circle'"),
        ({"points": {}}, "'points' must be a list; got {}"),
        ({"points": "ab"}, "'points' must be a list; got 'ab'"),
        ({"points": [{"x": 1}, {"y": 1.0}]}, "'points.1.x' is missing"),
        ({"points": [{"x": True}]}, "'points.0.x' must be a whole number; got True"),
        ({"points": [{"x": 1.0}]}, "'points.0.x' must be a whole number; got 1.0"),
        ({"points": [{"x": 1, "y": "2"}]}, "'points.0.y' must be a finite number; got '2'"),
        ({"points": [{"x": 1, "y": math.nan}]}, "'points.0.y' must be a finite number; got nan"),
        ({"points": [None]}, "'points.0' must be an object; got None"),
        ({"center": 3}, "'center' must be an object; got 3"),
        ({"tags": []}, "'tags' must be an object; got []"),
        ({"tags": {"a": 1.5}}, "'tags.a' must be a whole number or text; got 1.5"),
        ({"note": None}, "'note' must be text; got None"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError) as error:
        read_record(Shape, json.loads(WRITTEN) | change)
    assert str(error.value) == message


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_anything_but_an_object_is_not_a_record(data: object) -> None:
    with pytest.raises(RecordError, match=r"^'Point' must be an object; got "):
        read_record(Point, data)


def test_a_long_wrong_value_is_cut() -> None:
    with pytest.raises(RecordError) as error:
        read_record(Point, {"x": "1" * 1000})
    assert len(str(error.value)) < 120
