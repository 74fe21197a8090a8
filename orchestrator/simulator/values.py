"""What a simulated metric or monitor can say."""

from __future__ import annotations

import enum
from typing import Final, Literal

NO_DATA: Final = "no data"
"""A metric that nobody reports: the answer has no series."""

LARGEST: Final = 1e300
"""No metric is further from zero; so nothing here is infinite, or too long a whole number."""

Point = float | None
"""One point of a metric; None is a null."""

MetricValue = Point | list[Point] | tuple[Point, ...] | Literal["no data"]
"""What a query shows: the same value at every moment, several values spread over the window that is asked for (the
oldest first, the last one at its end), or no data."""

MONITOR_STATES: tuple[str, ...] = ("Alert", "Ignored", "No Data", "OK", "Skipped", "Unknown", "Warn")
"""The states that a monitor can have [doc]."""


class Traffic(enum.Enum):
    """Where Agents report, and so what a query shows that nobody has set."""

    EVERYWHERE = "everywhere"
    """In both orgs, whatever their status."""
    FOLLOWS = "follows"
    """In the primary always; in the secondary while its status is FAILOVER or ACTIVE, else it has no data."""


def metric_value(value: MetricValue) -> MetricValue:
    """The value as it was given, once it is known to be one; numbers as floats.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str):
        if value != NO_DATA:
            raise ValueError(f'a metric shows numbers, nulls or "{NO_DATA}", not {value!r}')
        return NO_DATA
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError(f'a metric with an empty list of values shows nothing: say "{NO_DATA}"')
        return tuple(_point(each) for each in value)
    return _point(value)


def monitor_state(state: str | None) -> str | None:
    """The state as it was given, once it is known to be one; None for a monitor that is not there.

    Raises:
        ValueError: it is none.
    """
    if state is not None and state not in MONITOR_STATES:
        raise ValueError(f"a monitor's state is one of {', '.join(MONITOR_STATES)}, not {state!r}")
    return state


def _point(value: Point) -> Point:
    if value is not None and not abs(value) <= LARGEST:
        raise ValueError("a metric's value is a finite number or null")
    return None if value is None else float(value)
