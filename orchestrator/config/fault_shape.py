"""The shape of a fault script: what goes wrong in the simulator, and at which requests."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Any

from msgspec import field

from orchestrator.model.plain import JSON
from orchestrator.model.scenario import ScriptedFault
from orchestrator.model.status import Role

from .durations import DURATION_PATTERN, duration, written
from .fields import RoleName, SchemaVersion, SourceStatus, Text, choice, span_of, whole_number
from .shapes import Shape, leaf
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


MOST = 100_000
"""The highest number of a request, and of requests, that makes sense."""

MOST_ID = 10**15 - 1
"""The highest id of a monitor that the simulator reads from a path."""

LONGEST_SPAN = timedelta(hours=1)


def _times(value: Any) -> int | None:
    if value == "forever":
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise ValueError(f"expected a whole number from 1, or forever, found {found(value)}")
    return value


def _at(value: Any) -> int | timedelta:
    """The number of a request, or a time since the beginning."""
    if isinstance(value, str):
        span = duration(value)
        if span > LONGEST_SPAN:
            raise ValueError(f"{value} is out of bounds: between 0s and {written(LONGEST_SPAN)}")
        return span
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise ValueError(
            f"expected a whole number from 1 to {MOST}, found {found(value)}; "
            "or a time since the beginning, such as 2s"
        )
    return value


_WHOLE_NUMBER: dict[str, JSON] = {"type": "integer", "minimum": 1, "maximum": MOST}

Span = Annotated[timedelta, span_of(timedelta(0), LONGEST_SPAN)]
At = Annotated[
    int | timedelta,
    leaf(_at, {"anyOf": [_WHOLE_NUMBER, {"type": "string", "pattern": DURATION_PATTERN}]}),
]
MonitorId = Annotated[int, whole_number(1, MOST_ID)]
Count = Annotated[int, whole_number(1, MOST)]
Refusal = Annotated[int, whole_number(400, 499)]
Failure = Annotated[int, whole_number(500, 599)]
Elsewhere = Annotated[int, whole_number(300, 399)]
AnyStatus = Annotated[int, whole_number(200, 599)]
Seconds = Annotated[int, whole_number(0, 3600)]
Times = Annotated[
    int | None,
    leaf(_times, {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "forever"}]}),
]
Method = Annotated[str, choice({method: method for method in ("GET", "POST")}, "a method")]


def _fault(
    *,
    at: int | timedelta | None = None,
    times: int | None = 1,
    org: Role | None = None,
    method: str | None = None,
    path: str | None = "/api/v2/hamr",
    **kinds: Shape,
) -> ScriptedFault:
    """A fault of the one kind that the checks have made sure of."""
    ((kind, chosen),) = kinds.items()
    names = zip(chosen.__struct_encode_fields__, chosen.__struct_fields__, strict=True)
    when = at if at is not None else timedelta(0) if kind in FROM_THE_START else 1
    return ScriptedFault(
        kind,
        MappingProxyType({key: getattr(chosen, name) for key, name in names}),
        when if isinstance(when, int) else 1,
        times,
        org,
        method,
        None if path == "any" else path,
        None if isinstance(when, int) else when,
    )


def _faults(*, _schema: int, faults: tuple[ScriptedFault, ...]) -> tuple[ScriptedFault, ...]:
    return faults


class NothingShape(Shape):
    """A kind that has nothing to set: {}."""


class ForShape(Shape):
    """How long it lasts."""

    for_: Span | None = field(default=None, name="for")


class SlowShape(Shape):
    """How much later the answer comes."""

    by: Span


class DripShape(Shape):
    """The pace of the answer."""

    every: Span
    """Between two bytes."""


class AppliedShape(Shape):
    """Whether the write takes effect all the same."""

    applied: bool = False


class LateShape(Shape):
    """When the write takes effect."""

    after: Span
    status: Failure | None = None
    """The 5xx of a gateway that gave up waiting; left out: the connection is closed without an answer."""


class ClientErrorShape(AppliedShape):
    """A refusal."""

    status: Refusal = 403
    detail: Text | None = None


class RedirectShape(AppliedShape):
    """A 3xx, as of a proxy that wants somebody to log in."""

    status: Elsewhere = 302


class ThrottleShape(AppliedShape):
    """What a 429 says about waiting; neither: nothing."""

    reset: Seconds | None = None
    """Seconds, in the X-RateLimit headers."""
    retry_after: Text | None = None
    """As some edges send it: seconds or an HTTP date, as a text."""


class ServerErrorShape(AppliedShape):
    """A 5xx with a page of HTML."""

    status: Failure = 503


class WrongBodyShape(Shape):
    """What stands in the body of the 200."""

    body: Text = "null"
    content_type: Text = "application/json"


class StaleReadShape(Shape):
    """How old the record is that is shown; left out: as before its latest change."""

    by: Span | None = None


class BehindShape(ForShape):
    """A replica that lags behind, as long as `for` says; without it, for good."""

    changes: Count = 1
    """How many of the latest changes it lacks."""


class ForeignShape(Shape):
    """What somebody else writes."""

    status: SourceStatus
    modified_by: Text = "someone.else@example.com"
    org: RoleName | None = None
    """Whose record; left out: that of the org that was asked."""
    after: bool = False
    """Just after the request was handled, in place of just before."""


class DarkShape(ForShape):
    """A region that does not answer; without `for`, it stays dark."""

    silent: bool = False
    """Connections are made and never answered, in place of being refused."""
    answers: AnyStatus | None = None
    """The edge in front of it answers everything with this status and a page of HTML."""


class MetricShape(ForShape, kw_only=True):
    """What a metric query shows, as long as `for` says; without it, for good."""

    query: Text
    value: MetricShown
    """A number, no data, no value (a null), or a list of numbers and no value, spread over the window that is asked for."""
    org: RoleName | None = None
    """Whose metric; left out: that of the org that the fault is about."""


class MonitorShape(ForShape, kw_only=True):
    """The state of a monitor, as long as `for` says; without it, for good."""

    id: MonitorId
    state: MonitorState
    """OK, Alert, …; absent: there is no such monitor."""
    org: RoleName | None = None
    """Whose monitor; left out: that of the org that the fault is about."""


class FaultShape(Shape):
    """One fault: one key for its kind, and which requests it strikes."""

    makes = _fault

    connection_refused: ForShape | None = None
    connection_reset: NothingShape | None = None
    slow: SlowShape | None = None
    drip: DripShape | None = None
    silence: AppliedShape | None = None
    answer_lost: NothingShape | None = None
    applied_late: LateShape | None = None
    client_error: ClientErrorShape | None = None
    redirect: RedirectShape | None = None
    throttle: ThrottleShape | None = None
    server_error: ServerErrorShape | None = None
    truncated_body: NothingShape | None = None
    wrong_body: WrongBodyShape | None = None
    stale_read: StaleReadShape | None = None
    replica_behind: BehindShape | None = None
    foreign_writer: ForeignShape | None = None
    region_dark: DarkShape | None = None
    metric: MetricShape | None = None
    monitor: MonitorShape | None = None

    at: At | None = None
    """The first request that it strikes, counted from 1 among those that match; or, for what needs no request, a time
    since the beginning. Left out: 1, and for metric and monitor 0s."""
    times: Times = 1
    """How many of them, one after the other; or forever."""
    org: RoleName | None = None
    """Left out: either."""
    method: Method | None = None
    """Left out: either."""
    path: Text = "/api/v2/hamr"
    """any: every path."""


TIMED = ("replica_behind", "foreign_writer", "region_dark", "metric", "monitor")
"""The kinds that need no request, so that `at` may be a time."""
FROM_THE_START = ("metric", "monitor")
"""The kinds that hold from the beginning where `at` is left out."""
REQUEST_KEYS = ("at", "times", "org", "method", "path")
KINDS: tuple[str, ...] = tuple(name for name in FaultShape.__struct_fields__ if name not in REQUEST_KEYS)
"""The kinds, as a script names them."""
FaultShape.kinds = KINDS


class FaultScriptShape(Shape):
    """A fault script."""

    makes = _faults

    _schema: SchemaVersion = field(name="schema")
    faults: tuple[FaultShape, ...]
