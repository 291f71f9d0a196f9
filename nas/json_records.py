"""Frozen dataclasses as JSON objects and back: names and types are checked, and what is wrong is named.

A field stands in JSON in its own place and under its own name, or under that of its metadata's JSON_NAME where Python
would not allow it. One with a default may be missing when it is read; with LEFT_OUT as its metadata it is written only
where it has another value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")

JSON_NAME = "json_name"
LEFT_OUT = {"left_out": True}

_SHOWN = 60  # characters of a wrong value
_NAMES = {str: "text", int: "a whole number", float: "a finite number", bool: "true or false"}


class RecordError(ValueError):
    """JSON that does not describe the record it should; the message names the field and what is wrong with it."""


def write_record(record: DataclassInstance) -> dict[str, Any]:
    """The JSON object of a record, its fields in their order."""
    return {
        _key(one): _write(value)
        for one in fields(record)
        if (value := getattr(record, one.name)) != one.default or not one.metadata.get("left_out")
    }


def _write(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return write_record(value)
    if isinstance(value, Mapping):
        return {name: _write(one) for name, one in value.items()}
    return [_write(one) for one in value] if isinstance(value, tuple | list) else value


def read_record(kind: type[Record], data: object, place: str = "") -> Record:
    """The record of that kind that `write_record` wrote; names it does not know are passed over.

    `place` is where it stands in a larger one. Raises RecordError that names the first field that is missing or wrong.
    """
    if not isinstance(data, Mapping):
        raise _wrong(place or kind.__name__, "an object", data)
    hints, values = _hints(kind), {}
    for one in fields(kind):
        key = _key(one)
        where = f"{place}.{key}" if place else key
        if key in data:
            values[one.name] = _read(hints[one.name], data[key], where)
        elif one.default is MISSING:
            raise RecordError(f"{where!r} is missing")
    return kind(**values)


def _key(one: Field[Any]) -> str:
    return str(one.metadata.get(JSON_NAME, one.name))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any, place: str) -> Any:
    """`value` as the annotation `hint` has it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return read_record(hint, value, place)
    if origin in (Union, UnionType):
        return _read_one_of(arguments, value, place)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(place, "a list", value)
        return tuple(_read(arguments[0], one, f"{place}.{index}") for index, one in enumerate(value))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(place, "an object", value)
        return {name: _read(arguments[1], one, f"{place}.{name}") for name, one in value.items()}
    if not _fits(hint, value):
        raise _wrong(place, _name(hint), value)
    return value


def _read_one_of(hints: tuple[Any, ...], value: Any, place: str) -> Any:
    """The value as the only of `hints` that is more than a scalar has it, unless it is one of the others."""
    if any(_fits(hint, value) for hint in hints):
        return value
    parts = [hint for hint in hints if is_dataclass(hint) or get_origin(hint) not in (None, Literal)]
    if not parts or value is None:
        raise _wrong(place, " or ".join(_name(hint) for hint in hints), value)
    return _read(parts[0], value, place)


def _fits(hint: Any, value: Any) -> bool:
    """Whether a scalar is what an annotation wants; a whole number is a number, true is none."""
    if hint is Any:
        return True
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
    if is_dataclass(hint):
        return "an object"
    return _NAMES.get(hint, "a list" if get_origin(hint) is tuple else "an object")


def _wrong(place: str, wanted: str, value: object) -> RecordError:
    return RecordError(f"{place!r} must be {wanted}; got {repr(value)[:_SHOWN]}")
