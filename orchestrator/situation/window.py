"""The guard kind window: is it a time at which changes are made?

Everything is compared as wall-clock time in the window's own zone, so it opens at nine whether or not summer time
is in force: an hour that the clocks skip is not missed, and one that they repeat counts both times.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestrator.model.guard import Freeze, Window

from .finding import Finding, fails, passes, unknown

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

END_OF_DAY = time.max
"""What 24:00 is read as: the day's last microsecond, which still belongs to the window."""

LOOK_AHEAD = 370
"""Days for which the next opening is looked for: past that, somebody has to change the playbook anyway."""


def window(kind: Window, at: datetime) -> Finding:
    """Is it, at that moment, inside the change window and in no freeze?"""
    try:
        zone = ZoneInfo(kind.zone)
    except (KeyError, ValueError, OSError):  # not found; no name of a zone; a folder of zones
        return unknown(f"the time zone {kind.zone} is not known on this machine")
    local = at.astimezone(zone).replace(tzinfo=None)
    now = f"it is {_said(local)} in {kind.zone}"
    freeze = _freeze(kind, local.date())
    if freeze is not None:
        return fails(
            f"{now}, and changes are frozen from {freeze.first} to {freeze.last}{_next(kind, local)}"
        )
    if _is_open(kind, local):
        return passes(f"{now}, inside the window ({_hours(kind)})")
    return fails(f"{now}; the window is {_hours(kind)}{_next(kind, local)}")


def _is_open(kind: Window, local: datetime) -> bool:
    hour, day = local.time(), local.weekday()
    if kind.opens < kind.closes:
        return day in kind.days and kind.opens <= hour and (hour < kind.closes or kind.closes == END_OF_DAY)
    # It spans midnight (or lasts a whole day, where both times are the same) and belongs to the day it opened on.
    if hour >= kind.opens:
        return day in kind.days
    return hour < kind.closes and (day - 1) % 7 in kind.days


def _freeze(kind: Window, day: date) -> Freeze | None:
    return next((freeze for freeze in kind.freezes if freeze.first <= day <= freeze.last), None)


def _next(kind: Window, local: datetime) -> str:
    midnight = datetime.combine(local.date(), datetime.min.time())
    for ahead in range(LOOK_AHEAD):
        for opening in _openings(kind, midnight + timedelta(days=ahead)):
            if opening > local and _freeze(kind, opening.date()) is None:
                return f"; it opens {_said(opening)}"
    return "; it does not open within a year"


def _openings(kind: Window, midnight: datetime) -> list[datetime]:
    """When it opens on a day: at its hour, and at midnight where a freeze ended in the middle of a window."""
    at_its_hour = datetime.combine(midnight.date(), kind.opens)
    thawed = _is_open(kind, midnight) and _freeze(kind, midnight.date() - timedelta(days=1)) is not None
    opens = [midnight] if thawed else []
    return [*opens, at_its_hour] if midnight.weekday() in kind.days else opens


def _hours(kind: Window) -> str:
    days = ", ".join(DAYS[day] for day in sorted(kind.days) if day in range(len(DAYS)))
    if kind.opens == kind.closes:
        return f"{days}, 24 hours from {kind.opens:%H:%M}"
    closes = "24:00" if kind.closes == END_OF_DAY else f"{kind.closes:%H:%M}"
    return f"{days} {kind.opens:%H:%M} to {closes}"


def _said(local: datetime) -> str:
    return f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M}"
