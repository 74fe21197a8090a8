"""Nouns to plain JSON values and back: how events reach the journal and come back from it.

`plain` writes; `restore` rebuilds a value of a given type. A union of nouns is written with its class
name under "is". Times are RFC 3339 in UTC with microseconds, durations are seconds.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from typing import Any, TypeVar, Union, cast, get_args, get_origin

from msgspec import Struct

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]

T = TypeVar("T")


def timestamp(moment: datetime) -> str:
    """RFC 3339, UTC, microseconds, always four digits of the year: 2026-01-13T17:26:48.830968Z."""
    # Not strftime, whose year has as many digits as the C library likes: 1, where `moment` needs 0001.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment(text: str) -> datetime:
    """The time that `timestamp` wrote.

    Raises:
        ValueError: the text is not such a time.
    """
    return datetime.fromisoformat(text).astimezone(UTC)


def plain(value: object) -> JSON:
    """The JSON form of a value made of nouns, enums, times and containers.

    Raises:
        TypeError: the value holds something that has no JSON form (a Secret, for one).
    """
    match value:
        case enum.Enum():
            return value.name
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
        case frozenset() | set():
            return sorted((plain(item) for item in value), key=str)
    if isinstance(value, Struct):
        fields = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {"is": type(value).__name__, **fields}
    raise TypeError(f"{type(value).__name__} has no plain form")


_SCALARS: frozenset[Any] = frozenset({type(None), bool, int, float, str})


def restore(kind: type[T], data: object) -> T:
    """A value of that type, rebuilt from what `plain` wrote.

    Keys that the type does not have are passed over, and missing ones take their default, so that a newer
    version reads an older journal.

    Raises:
        ValueError: the data does not fit the type.
    """
    try:
        return cast("T", _restorer(cast("Any", kind))(data))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from error


Restorer = Callable[[Any], object]


@cache
def _restorer(kind: Any) -> Restorer:
    """What rebuilds values of a type. Made once for each: a journal holds many thousands of the same few."""
    if kind in (Any, object):
        return _as_it_is
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        # JSON itself, however far its forward references were resolved, is left as it is.
        return _as_it_is if set(arguments) >= _SCALARS else _union_restorer(arguments)
    if origin is tuple:
        return _tuple_restorer(arguments)
    if origin in (frozenset, list):
        item = _restorer(arguments[0])
        return lambda data: origin(map(item, data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_restorer(origin, arguments)
    target = origin or kind
    if isinstance(target, type) and issubclass(target, Struct):
        return _struct_restorer(target, arguments)
    if isinstance(target, type) and issubclass(target, enum.Enum):
        return target.__getitem__
    return _SPECIAL.get(target) or partial(_restore_scalar, target)


def _as_it_is(data: Any) -> object:
    return data


def _tuple_restorer(arguments: tuple[Any, ...]) -> Restorer:
    items = [_restorer(argument) for argument in arguments if argument is not Ellipsis]
    if Ellipsis in arguments:
        return lambda data: tuple(map(items[0], data))
    return lambda data: tuple(item(part) for item, part in zip(items, data, strict=True))


def _mapping_restorer(origin: type, arguments: tuple[Any, ...]) -> Restorer:
    """A `dict` can be added to, as what is still growing is; any other mapping cannot. JSON has keys of text alone."""
    key = int if arguments[0] is int else _restorer(arguments[0])
    value = _restorer(arguments[1])
    made = dict if origin is dict else types.MappingProxyType
    return lambda data: made({key(name): value(item) for name, item in data.items()})


_SPECIAL: Mapping[Any, Restorer] = {
    datetime: moment,
    date: date.fromisoformat,
    timedelta: lambda data: timedelta(seconds=data),
}


def _restore_scalar(target: type, data: Any) -> object:
    if target is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if target is type(None) or isinstance(data, target):
        return data
    raise ValueError(f"{data!r} is not a {target.__name__}")


def _union_restorer(arguments: tuple[Any, ...]) -> Restorer:
    optional = type(None) in arguments
    choices = [argument for argument in arguments if argument is not type(None)]
    restorers = [_restorer(choice) for choice in choices]
    named: dict[object, Restorer] = {}
    for choice, restorer in zip(choices, restorers, strict=True):
        named.setdefault(getattr(get_origin(choice) or choice, "__name__", ""), restorer)

    def restored(data: Any) -> object:
        if data is None and optional:
            return None
        if isinstance(data, dict) and data.get("is") in named:
            return named[data["is"]](data)
        for restorer in restorers:
            try:
                return restorer(data)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
        raise ValueError(f"{data!r} fits none of {choices}")

    return restored


def _struct_restorer(target: type[Struct], arguments: tuple[Any, ...]) -> Restorer:
    fields: list[tuple[str, Restorer]] = []

    def restored(data: Any) -> object:
        if not fields:  # not before: a noun may hold others of its own kind
            fields.extend((name, _restorer(kind)) for name, kind in _fields(target, arguments))
        return target(**{name: restorer(data[name]) for name, restorer in fields if name in data})

    return restored


def _fields(target: type[Struct], arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """A noun's fields, each with its type; a type variable is what it is bound to here."""
    hints = typing.get_type_hints(target)
    bound = dict(zip(getattr(target, "__parameters__", ()), arguments, strict=False))
    return ((name, bound.get(hints[name], hints[name])) for name in target.__struct_fields__)
