"""What comes in to a region and what goes out of it, without sockets; what a HAMR record, an error and an event look like there.

[doc] Datadog's API reference, [rec] recorded exchanges, [guide] Datadog's disaster-recovery guide.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, cast

from msgspec import Struct

from orchestrator.config.faults import RECORD_PATH
from orchestrator.model.org import Wire
from orchestrator.model.plain import JSON
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status


class Incoming(Struct, frozen=True):
    """One request as a region gets it."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Moment(Struct, frozen=True):
    """Now, on both clocks: the wall's, UTC, and the one that only goes forward, in seconds."""

    wall: datetime
    monotonic: float


class Response(Struct, frozen=True):
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    pace: float = 0.0
    """Seconds between the bytes of the body; 0: all at once."""


class Truncated(Struct, frozen=True):
    """An HTTP answer whose Content-Length promises the whole body, and which ends after `sent` bytes of it."""

    response: Response
    sent: int


class NoAnswer(enum.Enum):
    """What becomes of the connection, where there is no answer."""

    CLOSED = "closed"
    RESET = "reset"
    REFUSED = "refused"
    """There is none: nobody listens."""
    SILENT = "silent"
    """It stays open, and nothing is ever sent."""


Effect = Response | Truncated | NoAnswer


class LoggedRequest(Struct, frozen=True):
    """One request, as the simulator saw it: the other witness of what a run says that it did."""

    seq: int
    """Counts from 1 over both regions, in the order of arrival."""
    at: datetime
    role: Role
    method: str
    path: str
    body: JSON
    """Parsed; the text of one that is not JSON; None where there was none."""
    outcome: str = "pending"
    """200, 403, closed, reset, refused, silent, truncated 200, …"""
    applied: bool = False
    """Whether it changed the org's record; becomes true later for a write that is applied late."""
    query: str = ""
    """Of the URL, without the question mark."""

    @property
    def is_write(self) -> bool:
        """Whether it wants to write a record."""
        return self.method == "POST" and self.path == RECORD_PATH

    @property
    def modified_by(self) -> str:
        """The stamp that a write carries; "" where it has none."""
        return str(self._carried("modified_by") or "")

    @property
    def status(self) -> Status:
        """The status that a write carries; UNSPECIFIED where it has none that is known."""
        number = self._carried("hamr_status")
        return (Status.of(number) if isinstance(number, int) else None) or Status.UNSPECIFIED

    def _carried(self, name: str) -> JSON:
        data = self.body.get("data") if isinstance(self.body, dict) else None
        found = data.get("attributes") if isinstance(data, dict) else None
        return found.get(name, found.get(_PASCAL[name])) if isinstance(found, dict) else None


# -- records and errors ----------------------------------------------------------------------------------------

RESOURCE = "hamr_org_connections"
RECORD_TYPE = "application/vnd.api+json"
ERROR_TYPE = "application/json"
MAXIMUM_BODY = 64 * 1024
"""Bytes of a POST's body; a longer one is a 400."""

_PASCAL: Mapping[str, str] = MappingProxyType(
    {
        "hamr_status": "HamrStatus",
        "is_primary": "IsPrimary",
        "modified_at": "ModifiedAt",
        "modified_by": "ModifiedBy",
        "org_datacenter": "OrgDatacenter",
        "target_org_datacenter": "TargetOrgDatacenter",
        "target_org_name": "TargetOrgName",
        "target_org_uuid": "TargetOrgUuid",
    }
)
_SNAKE: Mapping[str, str] = MappingProxyType({pascal: snake for snake, pascal in _PASCAL.items()})
_SERVERS_OWN = frozenset({"modified_at", "org_datacenter"})
_REQUIRED: Mapping[Wire, tuple[str, ...]] = MappingProxyType(
    {
        # [doc] all six
        Wire.SNAKE: (
            "hamr_status",
            "is_primary",
            "modified_by",
            "target_org_datacenter",
            "target_org_name",
            "target_org_uuid",
        ),
        # [guide] the four of its only POST
        Wire.PASCAL: ("hamr_status", "is_primary", "modified_by", "target_org_uuid"),
    }
)


class Posted(Struct, frozen=True):
    """A POST's body that is well formed."""

    status: Status
    is_primary: bool
    modified_by: str
    target_uuid: str
    target_name: str | None
    """None where a pascal body left it out."""
    target_datacenter: str | None
    extra: tuple[tuple[str, JSON], ...]


class WireError(Struct, frozen=True):
    """What a request is refused with: an HTTP status, and the detail and place that the reference's error form has."""

    status: int
    detail: str
    pointer: str = ""


def datacenter_text(wire: Wire, datacenter: str) -> str:
    """A datacenter as answers name it: us1 in snake [doc], us1.prod.dog in pascal [rec]."""
    return datacenter if wire is Wire.SNAKE else f"{datacenter}.prod.dog"


def own_datacenter(wire: Wire, datacenter: str) -> str | None:
    """What a record says of its own org's datacenter: only pascal ones say it [rec]."""
    return None if wire is Wire.SNAKE else datacenter_text(wire, datacenter)


def timestamp_text(wire: Wire, moment: datetime, *, whole_seconds: bool) -> str:
    """`modified_at` as answers have it: RFC 3339 in snake [doc], a space and no zone in pascal [rec]."""
    pattern = "%Y-%m-%dT%H:%M:%S" if wire is Wire.SNAKE else "%Y-%m-%d %H:%M:%S"
    text = moment.astimezone(UTC).strftime(pattern if whole_seconds else f"{pattern}.%f")
    return f"{text}Z" if wire is Wire.SNAKE else text


def record_json(record: HamrRecord, *, whole_seconds: bool = False) -> JSON:
    """The body of a 200, in the record's casing."""
    moment = record.modified_at
    attributes: dict[str, JSON] = {
        "hamr_status": record.status,
        "is_primary": record.is_primary,
        "modified_at": None
        if moment is None
        else timestamp_text(record.wire, moment, whole_seconds=whole_seconds),
        "modified_by": record.modified_by,
        "target_org_datacenter": record.target_datacenter,
        "target_org_name": record.target_name,
        "target_org_uuid": record.target_uuid,
    }
    if record.wire is Wire.PASCAL:
        attributes = {_PASCAL[key]: value for key, value in attributes.items()}
        attributes["OrgDatacenter"] = record.datacenter
    attributes.update(record.extra)
    return {"data": {"id": record.org_uuid, "type": RESOURCE, "attributes": attributes}}


def error_objects(error: WireError) -> JSON:
    """The reference's error form, for 400, 403, 404 and 500 [doc]."""
    item: dict[str, JSON] = {
        "status": str(error.status),
        "title": HTTPStatus(error.status).phrase,
        "detail": error.detail,
        "meta": {},
    }
    if error.pointer:
        item["source"] = {"pointer": error.pointer}
    return {"errors": [item]}


def error_strings(text: str) -> JSON:
    """The form of 401 [rec] and 429 [doc]."""
    return {"errors": [text]}


def encode(body: JSON) -> bytes:
    """JSON as bytes; ASCII, so that no text can fail to be sent."""
    return json.dumps(body).encode()


def decode(body: bytes) -> JSON:
    """A body for the log: parsed, or its text where it is not JSON; None where it is empty."""
    if not body:
        return None
    try:
        return cast("JSON", json.loads(body))
    except (ValueError, RecursionError):
        return body[:1000].decode(errors="replace")


def _parsed(body: bytes) -> Any:
    """A POST's body as JSON, or a WireError."""
    if len(body) > MAXIMUM_BODY:
        return WireError(400, f"the body is longer than {MAXIMUM_BODY} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return WireError(400, "the body is not JSON")


def read_post(body: bytes, org_uuid: str, accepts: frozenset[Wire]) -> Posted | WireError:
    """A POST's body, or what it is refused with: `data.id` must be the org that the keys belong to [doc]."""
    document = _parsed(body)
    if isinstance(document, WireError):
        return document
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        return WireError(400, "an object is required", "/data")
    if data.get("type") != RESOURCE:
        return WireError(400, f"must be {RESOURCE}", "/data/type")
    if not isinstance(data.get("id"), str):
        return WireError(400, "the org's uuid is required", "/data/id")
    if data["id"] != org_uuid:
        return WireError(403, "the id is not the org that the keys belong to", "/data/id")
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        return WireError(400, "an object is required", "/data/attributes")
    return _read_attributes(attributes, accepts)


def _read_attributes(attributes: dict[str, JSON], accepts: frozenset[Wire]) -> Posted | WireError:
    snake, pascal = attributes.keys() & _PASCAL.keys(), attributes.keys() & _SNAKE.keys()
    if snake and pascal:
        return WireError(400, "attributes in both casings", "/data/attributes")
    wire = Wire.PASCAL if pascal else Wire.SNAKE
    if wire not in accepts:
        only = Wire.SNAKE if wire is Wire.PASCAL else Wire.PASCAL
        name = _spelled("hamr_status", only)
        return WireError(400, f"{name} is required", f"/data/attributes/{name}")
    known = {_SNAKE.get(key, key): value for key, value in attributes.items() if key in snake | pascal}
    for key in _REQUIRED[wire]:
        if key not in known:
            name = _spelled(key, wire)
            return WireError(400, f"{name} is required", f"/data/attributes/{name}")
    for key, value in known.items():
        fault = None if key in _SERVERS_OWN else _unfit(key, value)
        if fault:
            name = _spelled(key, wire)
            return WireError(400, f"{name} {fault}", f"/data/attributes/{name}")
    return Posted(
        status=Status(cast("int", known["hamr_status"])),
        is_primary=cast("bool", known["is_primary"]),
        modified_by=cast("str", known["modified_by"]),
        target_uuid=cast("str", known["target_org_uuid"]),
        target_name=cast("str | None", known.get("target_org_name")),
        target_datacenter=cast("str | None", known.get("target_org_datacenter")),
        extra=tuple((key, value) for key, value in attributes.items() if key not in snake | pascal),
    )


def _unfit(key: str, value: JSON) -> str | None:
    match key:
        case "hamr_status":
            known = isinstance(value, int) and not isinstance(value, bool) and Status.of(value) is not None
            return None if known else "must be a number from 0 to 5"
        case "is_primary":
            return None if isinstance(value, bool) else "must be true or false"
        case _:
            return None if isinstance(value, str) else "must be a text"


def _spelled(key: str, wire: Wire) -> str:
    return _PASCAL[key] if wire is Wire.PASCAL else key


# -- events ----------------------------------------------------------------------------------------------------

LONGEST_TEXT = 4000
"""Characters of an event's text [doc]."""
LONGEST_KEY = 100
"""Characters of an aggregation key [doc]."""
ALERT_TYPES: tuple[str, ...] = ("info", "warning", "error", "success")


class PostedEvent(Struct, frozen=True):
    """One event that an org has."""

    number: int
    """Counts from 1 in each org; the event's id."""
    at: datetime
    """When it was taken, UTC."""
    title: str
    text: str
    tags: tuple[str, ...] = ()
    alert_type: str = "info"
    aggregation_key: str | None = None


def read_event(body: bytes, number: int, at: datetime) -> PostedEvent | WireError:
    """An event's body, with the number that it gets, or what it is refused with."""
    event = _parsed(body)
    if isinstance(event, WireError):
        return event
    if not isinstance(event, dict):
        return WireError(400, "an object is required")
    for key in ("title", "text"):
        if not isinstance(event.get(key), str) or not event[key]:
            return WireError(400, f"{key} is required, as a text")
    if not _fits(event["text"], LONGEST_TEXT):
        return WireError(400, f"text is longer than {LONGEST_TEXT} characters")
    tags = event.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return WireError(400, "tags must be a list of texts")
    alert_type = event.get("alert_type", "info")
    if alert_type not in ALERT_TYPES:
        return WireError(400, f"alert_type must be one of {', '.join(ALERT_TYPES)}")
    aggregation_key = event.get("aggregation_key")
    if aggregation_key is not None and not _fits(aggregation_key, LONGEST_KEY):
        return WireError(400, f"aggregation_key must be a text of at most {LONGEST_KEY} characters")
    return PostedEvent(number, at, event["title"], event["text"], tuple(tags), alert_type, aggregation_key)


def _fits(value: JSON, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most
