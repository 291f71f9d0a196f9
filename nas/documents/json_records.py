"""Frozen dataclasses as JSON objects and back: names and types are checked, and what is wrong is named.

Fields appear in JSON in their own order and under their own names, or under their metadata's JSON_NAME where Python
would not allow the name. One with a default may be missing when read; with LEFT_OUT as its metadata it is written only
where it has another value. A class with its own JSON form has `to_dict` and `from_dict`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

Record = TypeVar("Record")

JSON_NAME = "json_name"
LEFT_OUT = {"left_out": True}

_MOST_SHOWN = 60  # characters shown of a wrong value
_SCALARS: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a finite number", bool: "true or false"}


class RecordError(ValueError):
    """JSON that does not describe the record it should; the message names the field and what is wrong with it."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place!r} {problem}" if place else f"it {problem}")
        self.place = place
        self.problem = problem

    def inside(self, place: str) -> RecordError:
        """The same error as seen from the record that holds the faulty one at `place`."""
        return RecordError(f"{place}.{self.place}" if self.place else place, self.problem)


class JsonRecord:
    """Gives a dataclass its JSON form, and rebuilds it from that; an unknown name is an error."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return write_record(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote; raises RecordError for anything else."""
        return read_record(cls, data, knows_all=True)


def write_record(record: Any) -> dict[str, Any]:
    """The JSON object of a dataclass, its fields in their order."""
    return {
        _key(one): _write(value)
        for one in fields(record)
        if (value := getattr(record, one.name)) != one.default or not one.metadata.get("left_out")
    }


def _write(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return write_record(value)
    if isinstance(value, Mapping):
        return {name: _write(one) for name, one in value.items()}
    return [_write(one) for one in value] if isinstance(value, tuple | list) else value


def read_record(kind: type[Record], data: object, place: str = "", *, knows_all: bool = False) -> Record:
    """The dataclass of that kind that `write_record` wrote, found at `place` of a larger record.

    Raises RecordError naming the first field that is missing or wrong or, with `knows_all`, unknown.
    """
    if not isinstance(data, Mapping):
        raise _wrong(place or kind.__name__, "an object", data)
    hints, values = _hints(kind), {}  # type: ignore[arg-type]
    for one in fields(kind):  # type: ignore[arg-type]
        key = _key(one)
        where = f"{place}.{key}" if place else key
        if key in data:
            values[one.name] = _read(hints[one.name], data[key], where)
        elif one.default is MISSING and one.default_factory is MISSING:
            raise RecordError(where, "is missing")
    for name in data if knows_all else ():
        if name not in {_key(one) for one in fields(kind)}:  # type: ignore[arg-type]
            raise RecordError(str(name)[:_MOST_SHOWN], "is unknown")
    return kind(**values)


def _key(one: Field[Any]) -> str:
    return str(one.metadata.get(JSON_NAME, one.name))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any, place: str) -> Any:
    """`value` read as the annotation `hint` says."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        return _read_one_of(arguments, value, place)
    if origin is tuple:
        return _read_tuple(arguments, value, place)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(place, "an object", value)
        return {name: _read(arguments[1], one, f"{place}.{name}") for name, one in value.items()}
    if origin is None and isinstance(hint, type) and hint not in (*_SCALARS, NoneType):
        return _read_object(hint, value, place)
    if not _fits(hint, value):
        raise _wrong(place, _name(hint), value)
    return value


def _read_tuple(arguments: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(place, "a list", value)
    hints = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
    if len(hints) != len(value):
        raise _wrong(place, f"a list of {len(hints)}", value)
    return tuple(
        _read(hint, one, f"{place}.{index}") for index, (hint, one) in enumerate(zip(hints, value, strict=True))
    )


def _read_object(kind: Any, value: Any, place: str) -> Any:
    """A value of a class: a settings model, a record with its own JSON form, or a plain dataclass."""
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object", value)
    if issubclass(kind, BaseModel):
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join([place, *map(str, found["loc"])])
            raise RecordError(where, f"is wrong: {found['msg']}") from error
    if not hasattr(kind, "from_dict"):
        return read_record(kind, value, place)
    try:
        return kind.from_dict(value)
    except RecordError as error:
        raise error.inside(place) from error


def _read_one_of(hints: tuple[Any, ...], value: Any, place: str) -> Any:
    """The value read as the only one of `hints` that is more than a scalar, unless it fits one of the others."""
    if any(_fits(hint, value) for hint in hints):
        return value
    parts = [hint for hint in hints if not _is_scalar(hint)]
    if not parts or value is None:
        raise _wrong(place, " or ".join(_name(hint) for hint in hints), value)
    return _read(parts[0], value, place)


def _is_scalar(hint: Any) -> bool:
    return hint in (*_SCALARS, None, NoneType) or get_origin(hint) is Literal


def _fits(hint: Any, value: Any) -> bool:
    """Whether a scalar matches an annotation; an integer is a number, true is not."""
    if hint in (None, NoneType):
        return value is None
    if get_origin(hint) is Literal:
        return any(type(value) is type(one) and value == one for one in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is hint


def _name(hint: Any) -> str:
    if hint in (None, NoneType):
        return "null"
    if get_origin(hint) is Literal:
        return " or ".join(repr(one) for one in get_args(hint))
    return _SCALARS.get(hint, "a list" if get_origin(hint) is tuple else "an object")


def _wrong(place: str, wanted: str, value: object) -> RecordError:
    return RecordError(place, f"must be {wanted}; got {repr(value)[:_MOST_SHOWN]}")
