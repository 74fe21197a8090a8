"""HAMR records to and from JSON, in both casings (documented snake_case, recorded PascalCase), and the requests that carry them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from orchestrator.model.org import Pair, Wire
from orchestrator.model.plain import JSON
from orchestrator.model.reading import Draft, HamrRecord, Request

TYPE = "hamr_org_connections"

_PASCAL: Mapping[str, str] = {
    "hamr_status": "HamrStatus",
    "is_primary": "IsPrimary",
    "modified_at": "ModifiedAt",
    "modified_by": "ModifiedBy",
    "org_datacenter": "OrgDatacenter",
    "target_org_datacenter": "TargetOrgDatacenter",
    "target_org_name": "TargetOrgName",
    "target_org_uuid": "TargetOrgUuid",
}
_KNOWN = frozenset(_PASCAL) | frozenset(_PASCAL.values())

_LARGEST_NUMBER = 2**53 - 1
"""Beyond it a number cannot be kept exactly in canonical JSON (RFC 8785), so it could not be carried over."""

_DEEPEST = 20
"""How many levels an unknown attribute may have."""


class _Unreadable(Exception):
    """Why a body is no HAMR record, as a clause."""


def decode_record(body: JSON) -> HamrRecord | str:
    """The record that an answer's body holds, or the reason why it holds none, as a clause.

    Reads both casings, key by key. Attributes that no reference names are kept in `extra`. A status number that is
    not known is kept as it is; one that is no whole number is a reason.
    """
    try:
        return _decode(body)
    except _Unreadable as problem:
        return str(problem)


def _decode(body: JSON) -> HamrRecord:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise _Unreadable('it has no "data" object')
    if data.get("type", TYPE) != TYPE:
        raise _Unreadable(f"its type is not {TYPE}")
    uuid = data.get("id")
    if not isinstance(uuid, str) or not uuid:
        raise _Unreadable("it has no id")
    _check_text("id", uuid)
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        raise _Unreadable('it has no "attributes" object')
    if "hamr_status" not in attributes and "HamrStatus" not in attributes:
        raise _Unreadable("it has no hamr_status")
    return HamrRecord(
        org_uuid=uuid,
        status=_status(attributes),
        is_primary=_is_primary(attributes),
        modified_by=_text(attributes, "modified_by") or "",
        modified_at=_moment(attributes),
        target_uuid=_text(attributes, "target_org_uuid") or "",
        target_name=_text(attributes, "target_org_name") or "",
        target_datacenter=_text(attributes, "target_org_datacenter") or "",
        datacenter=_text(attributes, "org_datacenter") or None,
        wire=Wire.PASCAL if "HamrStatus" in attributes else Wire.SNAKE,
        extra=_extra(attributes),
    )


def _attribute(attributes: Mapping[str, JSON], name: str) -> JSON:
    pascal = _PASCAL[name]
    if name in attributes and pascal in attributes and attributes[name] != attributes[pascal]:
        raise _Unreadable(f"{name} and {pascal} disagree")
    return attributes.get(name, attributes.get(pascal))


def _status(attributes: Mapping[str, JSON]) -> int:
    number = _attribute(attributes, "hamr_status")
    if isinstance(number, bool) or not isinstance(number, int):
        raise _Unreadable(f"its hamr_status is {_kind(number)}, not a whole number")
    if abs(number) > _LARGEST_NUMBER:
        raise _Unreadable("its hamr_status is out of all bounds")
    return number


def _is_primary(attributes: Mapping[str, JSON]) -> bool | None:
    value = _attribute(attributes, "is_primary")
    if value is None or isinstance(value, bool):
        return value
    raise _Unreadable(f"its is_primary is {_kind(value)}, not true or false")


def _text(attributes: Mapping[str, JSON], name: str) -> str | None:
    value = _attribute(attributes, name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _Unreadable(f"its {name} is {_kind(value)}, not a text")
    _check_text(name, value)
    return value


def _check_text(name: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise _Unreadable(f"its {name} holds half a character") from None


def _kind(value: JSON) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?"
    r"\s*(?:(?P<zulu>[Zz]|UTC)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)?(?:\s+UTC)?)?",
    re.ASCII,
)


_FIRST_YEAR = 1971
"""Earlier ones are the zero time of some language (0001-01-01, 1970-01-01): that nobody wrote down when."""


def _moment(attributes: Mapping[str, JSON]) -> datetime | None:
    """When the record was written, in UTC; without a zone it is UTC already.

    None where it cannot be read, and for a zero time, whatever its zone: the record does not say when.
    """
    value = _attribute(attributes, "modified_at")
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    microsecond = int((found[7] or "")[:6].ljust(6, "0"))
    try:
        zone = UTC
        if found["sign"]:
            ahead = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
            zone = timezone(ahead if found["sign"] == "+" else -ahead)
        written = datetime(year, month, day, hour, minute, second, microsecond, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return written if written.year >= _FIRST_YEAR else None


def _extra(attributes: Mapping[str, JSON]) -> tuple[tuple[str, JSON], ...]:
    # A snake org_datacenter is in no reference: it goes back as it came.
    unknown = [item for item in attributes.items() if item[0] not in _KNOWN or item[0] == "org_datacenter"]
    for name, value in unknown:
        _check_text("attribute's name", name)
        _check_carried(name, value, 0)
    return tuple(unknown)


def _check_carried(name: str, value: JSON, depth: int) -> None:
    """Make sure that a value can be journalled and sent back exactly as it came."""
    if depth > _DEEPEST:
        raise _Unreadable(f"its {name} is nested too deeply")
    match value:
        case None | bool():
            return
        case int() | float():
            if not math.isfinite(value) or abs(value) > _LARGEST_NUMBER:
                raise _Unreadable(f"its {name} holds a number that cannot be carried over exactly")
        case str():
            _check_text(name, value)
        case list():
            for item in value:
                _check_carried(name, item, depth + 1)
        case dict():
            for key, item in value.items():
                _check_text(name, key)
                _check_carried(name, item, depth + 1)


def encode_draft(draft: Draft) -> JSON:
    """The body of the POST, in the draft's casing: the whole record, except `modified_at`, which is the server's.

    Snake holds the six documented attributes and what is carried over; Pascal the recorded ones, `OrgDatacenter`
    where it is known. A ValueError for a draft whose casing is AUTO, which nobody can write.
    """
    attributes: dict[str, JSON] = {
        "hamr_status": int(draft.status),
        "is_primary": draft.is_primary,
        "modified_by": draft.modified_by,
        "target_org_datacenter": draft.target_datacenter,
        "target_org_name": draft.target_name,
        "target_org_uuid": draft.target_uuid,
    }
    carried = {key: value for key, value in draft.extra if key not in _KNOWN}
    match draft.wire:
        case Wire.SNAKE:
            carried |= {key: value for key, value in draft.extra if key == "org_datacenter"}
        case Wire.PASCAL:
            if draft.datacenter is not None:
                attributes["org_datacenter"] = draft.datacenter
            attributes = {_PASCAL[name]: value for name, value in attributes.items()}
        case Wire.AUTO:
            raise ValueError("a draft's casing is SNAKE or PASCAL by the time it is sent")
    return {"data": {"id": draft.org_uuid, "type": TYPE, "attributes": {**attributes, **carried}}}


PATH = "/api/v2/hamr"
"""The one resource, once per org [doc]."""


def request_of(pair: Pair, draft: Draft) -> Request:
    """The POST that a draft becomes, without its key headers."""
    return Request("POST", pair[draft.role].base_url + PATH, encode_draft(draft))
