"""How long a server asks us to wait, and what time it has: headers with numbers and dates in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""Seconds. Whatever a header says, nobody is told to wait for longer than this."""

_SECONDS = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)
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
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds to wait after a 429, or None where the server does not say so that it can be read.

    `X-RateLimit-Reset` is a delta in seconds [doc] and `Retry-After` seconds or an HTTP date; either has been seen as
    a Unix time, in seconds or milliseconds, too, and may come as an ISO date, or more than once. A time is counted
    from the server's own `Date` where there is one. The longest one counts, up to LONGEST_WAIT.

    Args:
        headers: the answer's; repeated ones joined with commas.
        now: our clock, for want of a `Date`.
    """
    since = http_date(header(headers, "date")) or now
    found = (header(headers, name) for name in ("x-ratelimit-reset", "retry-after"))
    waits = [wait for text in found if text is not None for wait in _waits(text, since)]
    return min(max(waits), LONGEST_WAIT) if waits else None


def _waits(text: str, since: datetime) -> list[float]:
    """The waits that one header names, in seconds; empty where it can't be read."""
    moment = http_date(text)
    if moment is not None:
        return [max(0.0, (moment - since).total_seconds())]
    found = (_wait(part.strip(), since) for part in text[:_LONGEST_HEADER].split(","))
    return [wait for wait in found if wait is not None]


def _wait(text: str, since: datetime) -> float | None:
    if not _SECONDS.fullmatch(text):
        moment = _iso_date(text)
        return None if moment is None else max(0.0, (moment - since).total_seconds())
    number = float(text)
    if number < _FIRST_UNIX_TIME:
        return number
    unix = number / 1000 if number >= _FIRST_UNIX_TIME_IN_MILLISECONDS else number
    return max(0.0, unix - since.timestamp())


def _iso_date(text: str) -> datetime | None:
    if not _ISO_DATE.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
