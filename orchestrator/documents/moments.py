"""Types of the fields of a change window: time zones, week days, times of day, dates."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .fields import choice, text_of
from .shapes import leaf
from .wording import did_you_mean, found, shown

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TIME_PATTERN = r"^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _zone(value: Any) -> str:
    text = text_of(value)
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(
            text, sorted(available_timezones(), key=lambda zone: (zone[:3] != text[:3], zone))
        )
        raise ValueError(f"{shown(text)} is not a time zone, such as Europe/Paris or UTC{near}") from None
    return text


def _time_of_day(value: Any) -> time:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(TIME_PATTERN, text):
        raise ValueError(f"expected a time of day such as 09:00, found {found(value)}")
    return time.max if text == "24:00" else time(int(text[:2]), int(text[3:]))


def _date(value: Any) -> date:
    text = value if isinstance(value, str) else ""
    try:
        if re.fullmatch(DATE_PATTERN, text):
            return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a date: {error}") from None
    raise ValueError(f"expected a date such as 2026-12-20, found {found(value)}")


Zone = Annotated[str, leaf(_zone, {"type": "string", "examples": ["Europe/Paris", "UTC"]})]
TimeOfDay = Annotated[time, leaf(_time_of_day, {"type": "string", "pattern": TIME_PATTERN})]
Day = Annotated[date, leaf(_date, {"type": "string", "pattern": DATE_PATTERN})]
Weekday = Annotated[int, choice({name: day for day, name in enumerate(WEEKDAYS)}, "a day of the week")]
