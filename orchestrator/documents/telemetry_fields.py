"""What a simulated metric or monitor can say, as a script writes it."""

from __future__ import annotations

from typing import Annotated, Any

from orchestrator.model.plain import JSON

from .fields import choice
from .shapes import leaf
from .wording import found

NO_DATA = "no data"
"""A metric that nobody reports: no series."""

NO_VALUE = "no value"
"""A point that is null. A script says it in words, since a value that is missing there is most often a slip."""

ABSENT = "absent"
"""A monitor that is not there."""

LARGEST = 1e300
"""No metric is further from zero; so nothing here is infinite, or too long a whole number."""

MONITOR_STATES = ("Alert", "Ignored", "No Data", "OK", "Skipped", "Unknown", "Warn")
"""The states that a monitor can have [doc]."""


def _metric_value(value: Any) -> float | str | tuple[float | None, ...] | None:
    """What a metric shows."""
    if value == NO_DATA:
        return NO_DATA
    if isinstance(value, list) and value:
        return tuple(_point(each) for each in value)
    return _point(value)


def _point(value: Any) -> float | None:
    if value == NO_VALUE:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError(
            f"expected a number, {NO_DATA}, {NO_VALUE} or a list of numbers and {NO_VALUE}, found {found(value)}"
        )
    return float(value)


_STATES = {**{state: state for state in MONITOR_STATES}, ABSENT: None}
_POINT: list[JSON] = [{"type": "number"}, {"const": NO_VALUE}]

MetricShown = Annotated[
    float | str | tuple[float | None, ...] | None,
    leaf(
        _metric_value,
        {
            "anyOf": [
                *_POINT,
                {"const": NO_DATA},
                {"type": "array", "minItems": 1, "items": {"anyOf": _POINT}},
            ]
        },
    ),
]
MonitorState = Annotated[
    str | None,
    choice(_STATES, "the state of a monitor"),
]
