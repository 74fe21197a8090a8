"""Nouns to plain JSON values and back: how events reach the journal and come back from it.

`plain` writes; `restore` rebuilds a value of a given type. A union of nouns is written with its class
name under "is". Times are RFC 3339 in UTC with microseconds, durations are seconds, enums go by name (msgspec's own
codec writes them by value, and drops microseconds that are zero).
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct
from msgspec.structs import astuple

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

EMPTY: Mapping[Any, Any] = types.MappingProxyType({})
"""What a noun's mapping is where nothing was given."""

T = TypeVar("T")


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC, microseconds, always four digits of the year: 2026-01-13T17:26:48.830968Z."""
    # Not strftime, whose year has as many digits as the C library likes: 1, where `moment` needs 0001.
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


UNREADABLE = datetime.fromtimestamp(0, UTC)
"""Stands for a time where something else was written than one: long ago."""


def moment(text: str) -> datetime:
    """The time that `timestamp` wrote; a ValueError where the text is none."""
    return datetime.fromisoformat(text).astimezone(UTC)


def plain(value: object) -> JSON:
    """The JSON form of nouns, enums, times and containers; a TypeError where something in it has none (a Secret, for one)."""
    kind: Any = type(value)
    return _plainer(kind)(value)


@cache
def _plainer(kind: type) -> Callable[[Any], JSON]:
    """What writes values of a type. Worked out once for each, as what rebuilds them."""
    if issubclass(kind, enum.Enum):
        return lambda value: value.name
    if issubclass(kind, tuple(_SCALARS)):
        return lambda value: value
    if issubclass(kind, Struct):
        names = ("is", *kind.__struct_fields__)
        return lambda value: dict(zip(names, (kind.__name__, *map(plain, astuple(value))), strict=True))
    if issubclass(kind, datetime):
        return timestamp
    if issubclass(kind, date):
        return date.isoformat
    if issubclass(kind, timedelta):
        return timedelta.total_seconds
    if issubclass(kind, tuple | list):
        return lambda value: [*map(plain, value)]
    if issubclass(kind, Mapping):
        return lambda value: {str(plain(key)): plain(item) for key, item in value.items()}
    if issubclass(kind, frozenset | set):
        return lambda value: sorted(map(plain, value), key=str)
    raise TypeError(f"{kind.__name__} has no plain form")


def restore(kind: type[T], data: object) -> T:
    """A value of that type, rebuilt from what `plain` wrote; a ValueError where the data does not fit.

    Keys that the type does not have are passed over, and missing ones take their default, so that a newer
    version reads an older journal.
    """
    try:
        return cast("T", _restorer(cast("Any", kind))(data))
    except _UNFIT as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


_UNFIT = (ValueError, KeyError, TypeError, AttributeError)
"""What restoring raises where data does not fit."""

_SCALARS: frozenset[Any] = frozenset({type(None), bool, int, float, str})

_Restorer = Callable[[Any], object]

_SPECIAL: Mapping[Any, _Restorer] = {
    datetime: moment,
    date: date.fromisoformat,
    timedelta: lambda data: timedelta(seconds=data),
}


@cache
def _restorer(kind: Any) -> _Restorer:
    """What rebuilds values of a type. Worked out once for each: a journal holds thousands of the same few."""
    target, arguments = _split(kind)
    if target in (Union, types.UnionType):
        if set(arguments) >= _SCALARS:  # JSON itself, however far its forward references were resolved
            return lambda data: data
        choices = [
            (_split(each)[0].__name__, _restorer(each)) for each in arguments if each is not type(None)
        ]
        return partial(_restore_union, choices, type(None) in arguments)
    if target is tuple and arguments[1:] != (Ellipsis,):
        parts = [_restorer(each) for each in arguments]
        return lambda data: tuple(part(item) for part, item in zip(parts, data, strict=True))
    if target in (tuple, list, frozenset):
        item_of = _restorer(arguments[0])
        return lambda data: target(map(item_of, data))
    if target in (dict, Mapping):
        # A dict can be added to, as what is still growing is; any other mapping cannot.
        made = dict if target is dict else types.MappingProxyType
        key_of, value_of = int if arguments[0] is int else _restorer(arguments[0]), _restorer(arguments[1])
        return lambda data: made({key_of(key): value_of(item) for key, item in data.items()})
    if issubclass(target, Struct):
        return _struct_restorer(target, arguments)
    if issubclass(target, enum.Enum):
        return lambda data: target[data]
    return _SPECIAL.get(target) or partial(_restore_scalar, target)


def _struct_restorer(target: type[Struct], arguments: tuple[Any, ...]) -> _Restorer:
    fields: list[tuple[str, _Restorer]] = []

    def restored(data: Any) -> object:
        if not fields:  # not before: a noun may hold others of its own kind
            hints = typing.get_type_hints(target)
            bound = dict(zip(getattr(target, "__parameters__", ()), arguments, strict=False))
            kinds = {name: bound.get(hints[name], hints[name]) for name in target.__struct_fields__}
            fields.extend((name, _restorer(kind)) for name, kind in kinds.items())
        return target(**{name: field(data[name]) for name, field in fields if name in data})

    return restored


def _split(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and what it is parametrised with."""
    return (kind if get_origin(kind) is None else get_origin(kind)), get_args(kind)


def _restore_scalar(target: type, data: Any) -> object:
    if target is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if isinstance(data, target):
        return data
    raise ValueError(f"{data!r} is not a {target.__name__}")


def _restore_union(choices: list[tuple[str, _Restorer]], optional: bool, data: Any) -> object:
    if data is None and optional:
        return None
    named = data.get("is") if isinstance(data, dict) else None
    for name, restored in choices:
        if name == named:  # this one and no other: some nouns have no field that would have to be there
            return restored(data)
    for _, restored in choices:
        try:
            return restored(data)
        except _UNFIT:
            continue
    raise ValueError(f"{data!r} fits none of {', '.join(name for name, _ in choices)}")
