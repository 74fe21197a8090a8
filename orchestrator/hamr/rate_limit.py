"""How long a server asks us to wait, and what time it has: headers with numbers and dates in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""Seconds. Whatever a header says, nobody is told to wait for longer than this."""

_SECONDS = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_LONGEST_HEADER = 100


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

    `X-RateLimit-Reset` is a delta in seconds [doc]; `Retry-After` is seconds or an HTTP date. The longer one counts,
    up to LONGEST_WAIT.
    """
    waits: list[float] = []
    reset = header(headers, "x-ratelimit-reset")
    if reset is not None and _SECONDS.fullmatch(reset):
        waits.append(float(reset))
    after = header(headers, "retry-after")
    if after is not None and _SECONDS.fullmatch(after):
        waits.append(float(after))
    elif (moment := http_date(after)) is not None:
        waits.append(max(0.0, (moment - now).total_seconds()))
    return min(max(waits), LONGEST_WAIT) if waits else None
