"""What an exchange means: a reading for a GET, one of the five outcomes for a POST (law 5). Pure."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model.plain import JSON
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
    Denied,
    Exchange,
    Hampered,
    HamrRecord,
    Identity,
    Lost,
    NotSent,
    Present,
    Rejected,
    Sight,
    Throttled,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.status import Role, Status
from orchestrator.system.redaction import Redactor

from .excerpt import excerpt, is_api_error, one_line, parse_json
from .local_trouble import answered_by_another
from .rate_limit import http_date, retry_after
from .transport import Exchanged
from .wire import decode_record

_REQUEST_IDS = ("dd-request-id", "x-request-id", "x-datadog-trace-id", "x-amzn-requestid", "x-amz-cf-id")
_LONGEST_ID = 100

_REQUEST_TIMEOUT = 408
_TOO_MANY_REQUESTS = 429


def trace_of(exchanged: Exchanged, taken: float, redactor: Redactor) -> Exchange:
    """What an exchange leaves for the journal: no keys, and of the body no more than an unusable one's beginning."""
    found = next((exchanged.headers[name] for name in _REQUEST_IDS if exchanged.headers.get(name)), None)
    unusable = exchanged.status is not None and not (
        _accepted(exchanged.status) and _record(exchanged, redactor)
    )
    return Exchange(
        seconds=taken,
        http_status=exchanged.status,
        server_date=http_date(exchanged.headers.get("date")),
        request_id=None if found is None else one_line(found, redactor)[:_LONGEST_ID],
        excerpt=excerpt(exchanged.body, redactor) if unusable else "",
    )


def sight_of(exchanged: Exchanged, redactor: Redactor) -> Sight:
    """What a GET of an org's record showed."""
    status = exchanged.status
    hampered = hampered_by(exchanged, redactor)
    if hampered is not None:
        return hampered
    if status is None:
        return Unreachable(one_line(exchanged.failure, redactor))
    said = said_of(exchanged, redactor)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Denied(said)
    if _unable(status) or status == _TOO_MANY_REQUESTS:
        return Unreachable(said)
    if exchanged.failure:
        return Unreachable(f"{said}, and then {one_line(exchanged.failure, redactor)}")
    if exchanged.refused:
        return Unreadable(f"{said}: {exchanged.refused}")
    if status == HTTPStatus.NOT_FOUND:
        if is_api_error(exchanged.body):
            return Absent()
        return Unreadable(f"{said}, which is not how the API says that there is no connection")
    if status != HTTPStatus.OK:
        return Unreadable(said)
    return _sight_of_body(exchanged, redactor)


def hampered_by(exchanged: Exchanged, redactor: Redactor) -> Hampered | None:
    """What on this machine or in its network kept the org's own answer from us, if anything did."""
    if exchanged.status is None:
        found = exchanged.trouble
    else:
        said = said_of(exchanged, redactor)
        found = answered_by_another(exchanged.status, exchanged.headers, exchanged.body, said)
    return None if found is None else _clean(found, redactor)


def _clean(hampered: Hampered, redactor: Redactor) -> Hampered:
    return replace(
        hampered,
        reason=one_line(hampered.reason, redactor),
        remedy=one_line(hampered.remedy, redactor),
    )


def _sight_of_body(exchanged: Exchanged, redactor: Redactor) -> Sight:
    record = _decoded(exchanged, redactor)
    if isinstance(record, str):
        return Unreadable(f"the answer is not a HAMR record: {one_line(record, redactor)}")
    known = Status.of(record.status)
    return Unrecognised(record) if known is None else Present(record, known)


def answer_of(exchanged: Exchanged, taken: float, now: datetime, redactor: Redactor) -> Answer:
    """What a POST of an org's record came to. What is not certain is Lost."""
    left = trace_of(exchanged, taken, redactor)
    failure = one_line(exchanged.failure, redactor)
    status = exchanged.status
    if status is None:
        return Lost(left, failure) if exchanged.sent else NotSent(left, failure)
    if status == _TOO_MANY_REQUESTS:
        return Throttled(left, retry_after(exchanged.headers, now))
    if _accepted(status):
        if exchanged.failure:
            return Lost(left, f"HTTP {status}, but the answer did not end: {failure}")
        return Accepted(left, _record(exchanged, redactor))
    said = said_of(exchanged, redactor)
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Rejected(left, said) if refused and status != _REQUEST_TIMEOUT else Lost(left, said)


def may_pass(exchanged: Exchanged, redactor: Redactor) -> bool:
    """Whether the same question may well be answered a moment later."""
    if hampered_by(exchanged, redactor) is not None:
        return False
    status = exchanged.status
    return status is None or bool(exchanged.failure) or _unable(status) or status == _TOO_MANY_REQUESTS


def identity_of(role: Role, exchanged: Exchanged, redactor: Redactor) -> Identity:
    """Which org `GET /api/v2/validate` says that the key belongs to."""
    hampered = hampered_by(exchanged, redactor)
    if hampered is not None:
        return Identity(role, None, hampered.reason)
    if exchanged.status is None:
        return Identity(role, None, one_line(exchanged.failure, redactor))
    said = said_of(exchanged, redactor)
    if exchanged.failure:
        return Identity(role, None, f"{said}, and then {one_line(exchanged.failure, redactor)}")
    if exchanged.status != HTTPStatus.OK or exchanged.refused:
        return Identity(role, None, f"{said}: {exchanged.refused}" if exchanged.refused else said)
    body = body_of(exchanged, redactor)
    if isinstance(body, NoBody):
        return Identity(role, None, f"the answer to validate cannot be used: {body.reason}")
    data = body.get("data") if isinstance(body, dict) else None
    uuid = data.get("id") if isinstance(data, dict) else None
    if not isinstance(uuid, str) or not uuid or uuid != one_line(uuid, redactor):
        return Identity(role, None, "the answer to validate does not name an org")
    return Identity(role, uuid)


def keys_said(role: Role, exchanged: Exchanged, redactor: Redactor) -> KeysSaid:
    """What `GET /api/v2/validate_keys` said of an org's two keys: a 401 or 403 is a no, anything but a 200 is unknown."""
    hampered = hampered_by(exchanged, redactor)
    if hampered is not None:
        return KeysSaid(role, None, hampered.reason)
    if exchanged.status is None:
        return KeysSaid(role, None, one_line(exchanged.failure, redactor))
    said = said_of(exchanged, redactor)
    if exchanged.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return KeysSaid(role, valid=False, reason=said)
    if exchanged.status != HTTPStatus.OK:
        return KeysSaid(role, None, said)
    return KeysSaid(role, valid=True)


class NoBody(Struct, frozen=True):
    """Why a body is of no use, in words: "it is not JSON"."""

    reason: str


def body_of(exchanged: Exchanged, redactor: Redactor) -> JSON | NoBody:
    """The JSON value of an answer's body, without any key of ours in it."""
    # A record that holds one of our keys (a proxy that echoes requests, say) must not get into readings, which are
    # journalled (law 17).
    text = exchanged.body.decode("utf-8", "replace")
    if redactor.clean(text) != text:
        return NoBody("it holds one of our own keys")
    if not text.strip():
        return NoBody("it is empty")
    try:
        return parse_json(exchanged.body)
    except ValueError:
        return NoBody("it is not JSON")


def _decoded(exchanged: Exchanged, redactor: Redactor) -> HamrRecord | str:
    body = body_of(exchanged, redactor)
    return body.reason if isinstance(body, NoBody) else decode_record(body)


def _record(exchanged: Exchanged, redactor: Redactor) -> HamrRecord | None:
    record = _decoded(exchanged, redactor) if exchanged.whole else None
    return record if isinstance(record, HamrRecord) else None


def _accepted(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _unable(status: int) -> bool:
    return status == _REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def said_of(exchanged: Exchanged, redactor: Redactor) -> str:
    """An answer's status and what its body says, as one short line."""
    words = excerpt(exchanged.body, redactor)
    return f"HTTP {exchanged.status}: {words}" if words else f"HTTP {exchanged.status}"
