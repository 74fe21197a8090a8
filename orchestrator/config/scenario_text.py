"""Scenario → YAML: the text of a file from which the same scenario is read."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import yaml
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from orchestrator.model.status import Status

from .faults import NO_VALUE
from .fields import SCHEMA
from .messages import written
from .scenario import OrgStatus, Scenario, Unknown
from .schema import Noun

_WIDTH = 100

_SPANS = frozenset({"seconds", "after"})
"""Fields that hold a span of time in seconds, which a file writes with its unit."""

_NONE = {"times": "forever", "path": "any", "state": "absent", "value": NO_VALUE}
"""What a file says where a field that is not left out is None."""

_NOT_IN_A_FILE = frozenset({"text", "path", "location"})


def scenario_text(scenario: Scenario, remarks: Iterable[str] = ()) -> str:
    """A file of that scenario, with remarks as comments at its head."""
    head = "".join(f"# {line}\n" for line in remarks)
    plain = {"schema": SCHEMA, **_mapping(scenario)}
    body: str = yaml.safe_dump(
        plain, sort_keys=False, default_flow_style=None, width=_WIDTH, allow_unicode=True
    )
    return head + body


def _mapping(noun: Noun) -> dict[str, Any]:
    """A noun's keys, without those that say what holds where they are left out."""
    found = dict(_keys(noun))
    return {"name": found.pop("name"), **found} if "name" in found else found


def _keys(noun: Noun) -> Iterator[tuple[str, Any]]:
    for field in fields(noun):
        value = getattr(noun, field.name)
        if value == _default(field) or (field.name in _NOT_IN_A_FILE and not _is_path(noun, field)):
            continue
        if isinstance(value, Noun) and (tag := value.__struct_config__.tag) is not None:
            yield str(tag), _mapping(value)
        elif isinstance(value, float) and field.name in _SPANS:
            # What has a time of its own says it where others have the number of a request.
            key = "at" if field.name == "after" else field.encode_name
            yield key, written(timedelta(seconds=value))
        else:
            yield field.encode_name, _NONE.get(field.name) if value is None else _plain(value)


def _is_path(noun: Noun, field: FieldInfo) -> bool:
    """Whether it is the path of a fault's requests, and not that of the file."""
    return field.name == "path" and not isinstance(noun, Scenario)


def _default(field: FieldInfo) -> Any:
    if field.default_factory is not NODEFAULT:
        return field.default_factory()
    return field.default


def _plain(value: Any) -> Any:
    match value:
        case Noun():
            return _mapping(value)
        case OrgStatus():
            return str(value)
        case Unknown(reason=reason):
            return {"unknown": reason}
        case Status():
            return value.name
        case enum.Enum():
            return value.value
        case timedelta():
            return written(value)
        case Mapping():
            return {_plain(key): _plain(item) for key, item in value.items()}
        case tuple():
            return [NO_VALUE if item is None else _plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
