"""Frozen dataclasses as JSON objects and back: every field under its own name, checked when it is read."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

T = TypeVar("T")

_MOST_SHOWN = 80
_SCALARS: Mapping[type, str] = {str: "text", int: "an integer", float: "a number", bool: "true or false"}


class FieldError(ValueError):
    """A JSON object lacks a field, has one too many or a wrong value. `place` is the field's dotted name."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"the field {place!r} {problem}" if place else f"the data {problem}")
        self.place = place
        self.problem = problem

    def inside(self, name: str) -> FieldError:
        """The same error as the object sees it that holds the faulty one as its field `name`."""
        return FieldError(f"{name}.{self.place}" if self.place else name, self.problem)


class JsonForm:
    """Gives a dataclass its JSON form, and itself back from it."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_dict(self) -> dict[str, Any]:
        """JSON form: lists for tuples, objects for dataclasses."""
        return fields_to_json(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` made a record of; raises FieldError for anything else."""
        return read_fields(cls, data)


def fields_to_json(value: Any) -> dict[str, Any]:
    """The fields of a dataclass; one that may be left out (its default is None) is, while it is None."""
    told = {field.name: (field, getattr(value, field.name)) for field in fields(value)}
    return {
        name: to_json(content)
        for name, (field, content) in told.items()
        if content is not None or field.default is not None
    }


def to_json(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return fields_to_json(value) if is_dataclass(value) else value


def read_fields(kind: type[T], data: Mapping[str, Any]) -> T:
    """The dataclass with these fields; those with a default may be missing. Raises FieldError for anything else."""
    hints = _type_hints(kind)  # type: ignore[arg-type]
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name, field in known.items():
        if name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise FieldError(name, "is missing")
    for name in data:
        if name not in known:
            raise FieldError(str(name)[:_MOST_SHOWN], "is unknown")
    return kind(**{name: _read_inside(name, hints[name], data[name]) for name in known if name in data})


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read_inside(name: str, kind: Any, value: Any) -> Any:
    try:
        return read_json(kind, value)
    except FieldError as error:
        raise error.inside(name) from error


def read_json(kind: Any, value: Any) -> Any:
    """The JSON value as the type a field is annotated with; raises FieldError where it is none."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, UnionType):  # with None: the only one there is
        return None if value is None else read_json(next(arg for arg in args if arg is not type(None)), value)
    if origin is Literal:
        return _require(value, value in args, f"one of {', '.join(map(str, args))}")
    if origin is tuple:
        return _read_tuple(args, value)
    if origin is Mapping:
        _require(value, isinstance(value, dict), "an object")
        return value if args[1] is Any else {name: _read_inside(name, args[1], item) for name, item in value.items()}
    return _read_scalar(kind, value) if kind in _SCALARS else _read_object(kind, value)


def _read_tuple(args: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    _require(value, isinstance(value, list | tuple), "a list")
    kinds = args[:1] * len(value) if args[-1] is Ellipsis else args
    _require(value, len(kinds) == len(value), f"a list of {len(kinds)}")
    return tuple(
        _read_inside(str(place), kind, item) for place, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_scalar(kind: type, value: Any) -> Any:
    """The value as it is: a figure that was written as an integer stays one."""
    is_right = type(value) in (int, float) if kind is float else type(value) is kind
    return _require(value, is_right, _SCALARS[kind])


def _read_object(kind: Any, value: Any) -> Any:
    _require(value, isinstance(value, dict), "an object")
    if issubclass(kind, BaseModel):
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            found = error.errors()[0]
            raise FieldError(".".join(map(str, found["loc"])), f"is wrong: {found['msg']}") from error
    return kind.from_dict(value) if hasattr(kind, "from_dict") else read_fields(kind, value)


def _require(value: Any, is_right: bool, rule: str) -> Any:
    if not is_right:
        raise FieldError("", f"must be {rule}; it is {repr(value)[:_MOST_SHOWN]}")
    return value
