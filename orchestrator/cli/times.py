"""When an incident began, as people say it: 03:15, 12m ago, 2026-11-22T03:15:00Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from orchestrator.config import duration
from orchestrator.errors import UsageError

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_AGO = re.compile(r"(.*?)(?:\s+ago)?", re.IGNORECASE)

LONGEST_BY_CLOCK = timedelta(hours=12)
"""A time of day that would mean longer ago than this is more likely meant in another time zone."""

FORMS = "HH:MM in UTC, a duration such as 12m, or 2026-11-22T03:15:00Z"


def since_named(text: str, now: datetime) -> datetime:
    """The moment that a text names, in UTC; a time of day is the latest one that has passed.

    Raises:
        UsageError: it names none, has no time zone, or lies in the future.
    """
    stripped = text.strip()
    clock = _CLOCK.fullmatch(stripped)
    if clock is not None:
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return _time_of_day(text, time(hour, minute, second), now)
    if stripped[-1:].isalpha() and not stripped.endswith(("Z", "z")):
        return _ago(text, stripped, now)
    try:
        moment = datetime.fromisoformat(stripped.upper())
        if moment.tzinfo is None:
            raise UsageError(
                f"--since {text}: the time zone is missing; write Z for UTC, or +02:00 and the like.",
                next_steps=(f"--since {moment.isoformat()}Z",),
            )
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--since {text[:100]!r} is no time: write {FORMS}.") from None
    if moment > now:
        raise UsageError(
            f"--since {text}: that is in the future ({moment:%Y-%m-%d %H:%M:%S} UTC, and it is {now:%Y-%m-%d %H:%M:%S} UTC)."
        )
    return moment


def _time_of_day(text: str, wanted: time, now: datetime) -> datetime:
    moment = datetime.combine(now.date(), wanted, UTC)
    if moment > now:
        moment -= timedelta(days=1)
    if now - moment > LONGEST_BY_CLOCK:
        raise UsageError(
            f"--since {text}: times of day are UTC, and it is {now:%H:%M} UTC; {text} UTC was {(now - moment) // timedelta(hours=1)} "
            "hours ago. Write the date too, if that is meant.",
            next_steps=(f"--since {moment:%Y-%m-%dT%H:%M:%SZ}", "--since 12m"),
        )
    return moment


def _ago(text: str, stripped: str, now: datetime) -> datetime:
    found = _AGO.fullmatch(stripped)
    span = "" if found is None else found[1].replace(" ", "")
    try:
        return now - duration(span)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since {text[:100]!r} is no time: write {FORMS}. ({error})") from None
