"""The keys of a schedule: what workers do in peace, and when, as cron writes times."""

import re
from datetime import timedelta
from typing import Annotated, Any

from orchestrator.model.org import Schedule

from .fields import between, text_of
from .messages import shown
from .schema import Form, leaf

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("weekday", 0, 7),
)
_ITEM = re.compile(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def cron(value: Any) -> str:
    """A time as cron has it, in numbers alone: minute, hour, day of the month, month, weekday; a ValueError where it is none."""
    text = text_of(value)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            f"{shown(text)} is no time as cron has it: five fields are wanted, minute, hour, day, month and weekday, "
            'such as "*/30 * * * *"'
        )
    _, _, days, months, _ = (
        {number for item in field.split(",") for number in _numbers(item, *bounds)}
        for field, bounds in zip(fields, _FIELDS, strict=True)
    )
    if min(days) > max(_DAYS[month - 1] for month in months):
        raise ValueError(f"{shown(text)} never comes: there is no such day in these months")
    return " ".join(fields)


def _numbers(item: str, name: str, least: int, most: int) -> range:
    """What one item of a field means."""
    found = _ITEM.fullmatch(item)
    if found is not None:
        low, high, step = found.groups()
        first = least if low is None else int(low)
        last = int(high) if high else most if low is None or step else first
        every = 1 if step is None else int(step)
        if least <= first <= last <= most and every:
            return range(first, last + 1, every)
    raise ValueError(
        f"{shown(item)} is no {name}: * or {least} to {most} is wanted, such as {least}, {least}-{most}, or */2"
    )


Cron = Annotated[str, leaf(cron, {"type": "string", "examples": ["*/30 * * * *", "17 4 * * 1"]})]


class ScheduleForm(Form, frozen=True, kw_only=True):
    """What workers do in peace, each at times as cron has them (minute, hour, day, month, weekday), in UTC."""

    makes = Schedule

    doctor: Cron | None = None
    """When every pair is examined, as by hamr doctor: "*/30 * * * *" is every half hour."""
    drill: Cron | None = None
    """When the playbook is rehearsed on the simulator: "17 4 * * 1" is Mondays at 04:17."""
    live_drill: Cron | None = None
    """When the pairs that say drill: true are drilled live, one after the other: "0 9 3 * *" is the 3rd at 09:00."""
    window: Annotated[timedelta, between("1m", "1d")] | None = None
    """How long after its time a live drill may still begin (2h)."""
