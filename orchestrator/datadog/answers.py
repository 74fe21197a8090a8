"""What an exchange means: a reading for a GET, one of the five outcomes for a POST (law 5); and its words, for people. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.model import reading
from orchestrator.model.plain import JSON
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.status import Role, Status
from orchestrator.system.redaction import Redactor

from .local_trouble import LOOKS_LIKE_HTML, answered_by_another
from .transport import Exchanged
from .wire import decode_record

LONGEST = 300
"""Characters."""

_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufff9-\ufffd]+"
)
_TITLE = r"(?i)<title[^>]{0,200}>([^<]{0,400})"
_MOST_ERRORS = 5


def parse_json(body: bytes) -> JSON:
    """The JSON value of a body; a ValueError where it is not JSON, uses NaN or Infinity, is nested beyond all measure, or gives one key two values."""
    try:
        return cast("JSON", json.loads(body, parse_constant=_no_constant, object_pairs_hook=_object))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


class _TwoValues(ValueError):
    """Which of them is meant, nobody can tell."""


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    for key, value in pairs if len(found) < len(pairs) else ():
        if found[key] != value:
            raise _TwoValues("it gives one key two values")
    return found


def is_api_error(body: bytes) -> bool:
    """Whether a body has the API's own error form: {"errors": […]}, of texts or of objects."""
    return _errors(body) is not None


def _errors(body: bytes) -> list[JSON] | None:
    try:
        value = parse_json(body)
    except ValueError:
        return None
    errors = value.get("errors") if isinstance(value, dict) else None
    return errors if isinstance(errors, list) else None


def excerpt(body: bytes, redactor: Redactor) -> str:
    """What a body says, in at most LONGEST characters of one line, without keys; "" for an empty one.

    Both error forms give their own words (title, detail and where it points), an HTML page its title, anything else
    its beginning.
    """
    errors = _errors(body)
    if errors is not None:
        words = "; ".join(filter(None, (_error_words(error) for error in errors[:_MOST_ERRORS])))
        return one_line(words or "an empty list of errors", redactor)
    text = body.decode("utf-8", "replace")
    if LOOKS_LIKE_HTML.match(body):
        title = re.search(_TITLE, text)
        page = title[1].strip() if title else ""
        return one_line(f"an HTML page: {page}" if page else "an HTML page", redactor)
    return one_line(text, redactor)


def _error_words(error: JSON) -> str:
    match error:
        case str():
            return error
        case dict():
            said = [said for key in ("title", "detail") if isinstance(said := error.get(key), str) and said]
            source = error.get("source")
            pairs = source.items() if isinstance(source, dict) else ()
            where = [f"{key} {value}" for key, value in pairs if isinstance(value, str) and value]
            return ": ".join(said) + (f" ({', '.join(where)})" if where else "")
        case _:
            return ""


def one_line(text: str, redactor: Redactor) -> str:
    """A text as one short line without control characters and keys."""
    # Cleaned before it is cut, so that no half of a key is left, and after the invisible characters are out, since
    # one may stand in the middle of a key.
    visible = redactor.clean(_INVISIBLE.sub("", " ".join(text.split())))
    return visible if len(visible) <= LONGEST else visible[: LONGEST - 1] + "…"


_SECONDS = r"[0-9]{1,15}(\.[0-9]{1,9})?"
_ISO_DATE = r"(?a)\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d"
_LONGEST_HEADER = 100

_FIRST_UNIX_TIME = 1e9
"""A larger number is no span (it would be 31 years), but a time: this one is September 2001."""

_FIRST_UNIX_TIME_IN_MILLISECONDS = 1e11


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value, without blanks around it, whatever the case of its name; None where there is none."""
    return next((value.strip() for key, value in headers.items() if key.lower() == name), None)


def http_date(text: str | None) -> datetime | None:
    """The time of an HTTP date header, in UTC, or None where it cannot be read."""
    if text is None or len(text) > _LONGEST_HEADER:
        return None
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds to wait after a 429, or None where the server does not say so that it can be read.

    `X-RateLimit-Reset` is a delta in seconds [doc] and `Retry-After` seconds or an HTTP date; either has been seen as
    a Unix time, in seconds or milliseconds, too, and may come as an ISO date, or more than once (then joined with commas). A time is
    counted from the server's own `Date`, for want of one from `now`, by our clock. The longest one counts, however long it is: whoever
    waits has a bound of their own, and whoever is told hears what the server said.
    """
    since = http_date(header(headers, "date")) or now
    found = (header(headers, name) for name in ("x-ratelimit-reset", "retry-after"))
    waits = [wait for text in found if text is not None for wait in _waits(text, since)]
    return max(waits) if waits else None


def _waits(text: str, since: datetime) -> list[float]:
    """The waits that one header names, in seconds; empty where it can't be read."""
    moment = http_date(text)
    if moment is not None:
        return [max(0.0, (moment - since).total_seconds())]
    found = (_wait(part.strip(), since) for part in text[:_LONGEST_HEADER].split(","))
    return [wait for wait in found if wait is not None]


def _wait(text: str, since: datetime) -> float | None:
    if not re.fullmatch(_SECONDS, text):
        moment = _iso_date(text)
        return None if moment is None else max(0.0, (moment - since).total_seconds())
    number = float(text)
    if number < _FIRST_UNIX_TIME:
        return number
    unix = number / 1000 if number >= _FIRST_UNIX_TIME_IN_MILLISECONDS else number
    return max(0.0, unix - since.timestamp())


def _iso_date(text: str) -> datetime | None:
    if not re.match(_ISO_DATE, text):
        return None
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


_REQUEST_IDS = ("dd-request-id", "x-request-id", "x-datadog-trace-id", "x-amzn-requestid", "x-amz-cf-id")
_LONGEST_ID = 100

DENIALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def trace_of(exchanged: Exchanged, taken: float, redactor: Redactor) -> reading.Exchange:
    """What an exchange leaves for the journal: no keys, and of the body no more than an unusable one's beginning."""
    found = next((exchanged.headers[name] for name in _REQUEST_IDS if exchanged.headers.get(name)), None)
    unusable = exchanged.status is not None and not (
        _accepted(exchanged.status) and _record(exchanged, redactor)
    )
    return reading.Exchange(
        seconds=taken,
        http_status=exchanged.status,
        server_date=http_date(exchanged.headers.get("date")),
        request_id=None if found is None else one_line(found, redactor)[:_LONGEST_ID],
        excerpt=excerpt(exchanged.body, redactor) if unusable else "",
    )


def sight_of(exchanged: Exchanged, redactor: Redactor) -> reading.Sight:
    """What a GET of an org's record showed."""
    status = exchanged.status
    hampered = hampered_by(exchanged, redactor)
    if hampered is not None:
        return hampered
    if status is None:
        return reading.Unreachable(one_line(exchanged.failure, redactor))
    said = said_of(exchanged, redactor)
    if status in DENIALS:
        return reading.Denied(said)
    if _unable(status) or status == HTTPStatus.TOO_MANY_REQUESTS:
        return reading.Unreachable(said)
    if exchanged.failure:
        return reading.Unreachable(f"{said}, and then {one_line(exchanged.failure, redactor)}")
    if exchanged.refused:
        return reading.Unreadable(f"{said}: {exchanged.refused}")
    if status == HTTPStatus.NOT_FOUND:
        if is_api_error(exchanged.body):
            return reading.Absent()
        return reading.Unreadable(f"{said}, which is not how the API says that there is no connection")
    if status != HTTPStatus.OK:
        return reading.Unreadable(said)
    return _sight_of_body(exchanged, redactor)


def hampered_by(exchanged: Exchanged, redactor: Redactor) -> reading.Hampered | None:
    """What on this machine or in its network kept the org's own answer from us, if anything did."""
    if exchanged.status is None:
        found = exchanged.trouble
    else:
        said = said_of(exchanged, redactor)
        found = answered_by_another(exchanged.status, exchanged.headers, exchanged.body, said)
    if found is None:
        return None
    return replace(found, reason=one_line(found.reason, redactor), remedy=one_line(found.remedy, redactor))


def _sight_of_body(exchanged: Exchanged, redactor: Redactor) -> reading.Sight:
    record = _decoded(exchanged, redactor)
    if isinstance(record, str):
        return reading.Unreadable(f"the answer is not a HAMR record: {one_line(record, redactor)}")
    known = Status.of(record.status)
    return reading.Unrecognised(record) if known is None else reading.Present(record, known)


def answer_of(exchanged: Exchanged, taken: float, now: datetime, redactor: Redactor) -> reading.Answer:
    """What a POST of an org's record came to. What is not certain is Lost."""
    left = trace_of(exchanged, taken, redactor)
    failure = one_line(exchanged.failure, redactor)
    status = exchanged.status
    if status is None:
        return reading.Lost(left, failure) if exchanged.sent else reading.NotSent(left, failure)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return reading.Throttled(left, retry_after(exchanged.headers, now))
    if _accepted(status):
        if exchanged.failure:
            return reading.Lost(left, f"HTTP {status}, but the answer did not end: {failure}")
        return reading.Accepted(left, _record(exchanged, redactor))
    said = said_of(exchanged, redactor)
    if status == HTTPStatus.FORBIDDEN:  # the only sign that it is missing
        said = f"{said}; the owner of its application key needs disaster_recovery_status_write"
    refused = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return (
        reading.Rejected(
            left, f"{said}; its keys have been rotated" if exchanged.renewed else said, exchanged.renewed
        )
        if refused and status != HTTPStatus.REQUEST_TIMEOUT
        else reading.Lost(left, said)
    )


def may_pass(exchanged: Exchanged) -> bool:
    """Whether the same question may well be answered a moment later, on another connection."""
    status = exchanged.status
    return (
        status is None or bool(exchanged.failure) or _unable(status) or status == HTTPStatus.TOO_MANY_REQUESTS
    )


def identity_of(role: Role, exchanged: Exchanged, redactor: Redactor) -> reading.Identity:
    """Which org `GET /api/v2/validate` says that the key belongs to."""
    unanswered = _unanswered(exchanged, redactor)
    if unanswered is not None:
        return reading.Identity(role, None, unanswered)
    said = said_of(exchanged, redactor)
    if exchanged.failure:
        return reading.Identity(role, None, f"{said}, and then {one_line(exchanged.failure, redactor)}")
    if exchanged.status != HTTPStatus.OK or exchanged.refused:
        return reading.Identity(role, None, f"{said}: {exchanged.refused}" if exchanged.refused else said)
    body = body_of(exchanged, redactor)
    if isinstance(body, NoBody):
        return reading.Identity(role, None, f"the answer to validate cannot be used: {body.reason}")
    data = body.get("data") if isinstance(body, dict) else None
    uuid = data.get("id") if isinstance(data, dict) else None
    if not isinstance(uuid, str) or not uuid or uuid != one_line(uuid, redactor):
        return reading.Identity(role, None, "the answer to validate does not name an org")
    return reading.Identity(role, uuid)


def keys_said(role: Role, exchanged: Exchanged, redactor: Redactor) -> KeysSaid:
    """What `GET /api/v2/validate_keys` said of an org's two keys: a 401 or 403 is a no, anything but a 200 is unknown."""
    unanswered = _unanswered(exchanged, redactor)
    if unanswered is not None:
        return KeysSaid(role, None, unanswered)
    if exchanged.status == HTTPStatus.OK:
        return KeysSaid(role, valid=True)
    return KeysSaid(role, False if exchanged.status in DENIALS else None, said_of(exchanged, redactor))


def _unanswered(exchanged: Exchanged, redactor: Redactor) -> str | None:
    """Why there is no answer of the org's own, where there is none."""
    hampered = hampered_by(exchanged, redactor)
    if hampered is not None:
        return hampered.reason
    return one_line(exchanged.failure, redactor) if exchanged.status is None else None


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
    except ValueError as error:
        return NoBody(str(error) if isinstance(error, _TwoValues) else "it is not JSON")


def _decoded(exchanged: Exchanged, redactor: Redactor) -> reading.HamrRecord | str:
    body = body_of(exchanged, redactor)
    return body.reason if isinstance(body, NoBody) else decode_record(body)


def _record(exchanged: Exchanged, redactor: Redactor) -> reading.HamrRecord | None:
    record = _decoded(exchanged, redactor) if exchanged.whole else None
    return record if isinstance(record, reading.HamrRecord) else None


def _accepted(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _unable(status: int) -> bool:
    return status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def said_of(exchanged: Exchanged, redactor: Redactor) -> str:
    """An answer's status and what its body says, as one short line."""
    words = excerpt(exchanged.body, redactor)
    return f"HTTP {exchanged.status}: {words}" if words else f"HTTP {exchanged.status}"
