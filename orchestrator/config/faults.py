"""Faults of the simulator: each kind once, as a program adds it and as a fault script or a scenario writes it down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from msgspec import field

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role

from .fields import MONITOR_STATES, TEXT, RoleName, SourceStatus, Text, between, choice, whole, whole_number
from .messages import DURATION_PATTERN, duration, unlike
from .schema import NO_KEY, Noun, leaf, then

RECORD_PATH = "/api/v2/hamr"

# -- what a simulated metric or monitor can say --------------------------------------------------------------

NO_DATA: Final = "no data"
"""A metric that nobody reports: the answer has no series."""

NO_VALUE = "no value"
"""A point that is null. A script says it in words, since a value that is missing there is most often a slip."""

ABSENT = "absent"
"""A monitor that is not there, in a script's word."""

LARGEST: Final = 1e300
"""No metric is further from zero; so nothing here is infinite, or too long a whole number."""

Point = float | None
"""One point of a metric; None is a null."""

MetricValue = Point | Sequence[Point] | Literal["no data"]
"""What a query shows: the same value at every moment, several values spread over the window that is asked for (the
oldest first, the last one at its end), or no data."""


def metric_value(value: MetricValue) -> MetricValue:
    """The value as it was given, once it is known to be one, numbers as floats; a ValueError where it is none."""
    match value:
        case str():
            if value != NO_DATA:
                raise ValueError(f'a metric shows numbers, nulls or "{NO_DATA}", not {value!r}')
            return NO_DATA
        case float() | int() | None:
            return _point(value)
        case _:
            if not value:
                raise ValueError(f'a metric with an empty list of values shows nothing: say "{NO_DATA}"')
            return tuple(_point(each) for each in value)


def _point(value: Point) -> Point:
    if value is not None and not abs(value) <= LARGEST:
        raise ValueError("a metric's value is a finite number or null")
    return None if value is None else float(value)


def monitor_state(state: str | None) -> str | None:
    """The state as it was given, None for a monitor that is not there; a ValueError where there is no such state."""
    if state is not None and state not in MONITOR_STATES:
        raise ValueError(f"a monitor's state is one of {', '.join(MONITOR_STATES)}, not {state!r}")
    return state


# -- how a script writes things down -------------------------------------------------------------------------

MOST = 100_000
"""The highest number of a request, and of requests, that makes sense."""

_MOST_ID = 10**15 - 1
"""The highest id of a monitor that the simulator reads from a path."""

_LONGEST_SPAN = "1h"


def _read_metric(value: Any) -> MetricValue:
    if value == NO_DATA:
        return NO_DATA
    if isinstance(value, list) and value:
        return tuple(_read_point(each) for each in value)
    return _read_point(value)


def _read_point(value: Any) -> Point:
    if value == NO_VALUE:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise unlike(f"a number, {NO_DATA}, {NO_VALUE} or a list of numbers and {NO_VALUE}", value)
    return float(value)


def _read_times(value: Any) -> int | None:
    return None if value == "forever" else whole(value, 1, MOST, "a whole number from 1, or forever")


def _read_at(value: Any) -> int | timedelta:
    """The number of a request, or a time since the beginning."""
    if isinstance(value, str):
        span = duration(value)
        if span > duration(_LONGEST_SPAN):
            raise ValueError(f"{value} is out of bounds: between 0s and {_LONGEST_SPAN}")
        return span
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise unlike(f"a whole number from 1 to {MOST}", value, "; or a time since the beginning, such as 2s")
    return value


_POINT_SCHEMA: list[JSON] = [{"type": "number"}, {"const": NO_VALUE}]
_METRIC_SCHEMA: list[JSON] = [
    *_POINT_SCHEMA,
    {"const": NO_DATA},
    {"type": "array", "minItems": 1, "items": {"anyOf": _POINT_SCHEMA}},
]
_AT_SCHEMA: list[JSON] = [
    {"type": "integer", "minimum": 1, "maximum": MOST},
    {"type": "string", "pattern": DURATION_PATTERN},
]
_TIMES_SCHEMA: list[JSON] = [{"type": "integer", "minimum": 1}, {"const": "forever"}]

Seconds = Annotated[float, between("0s", _LONGEST_SPAN), then(timedelta.total_seconds)]
Count = Annotated[int, whole_number(1, MOST)]
Failure = Annotated[int, whole_number(500, 599)]
MonitorState = Annotated[
    str | None, choice({**{state: state for state in MONITOR_STATES}, ABSENT: None}, "the state of a monitor")
]
MetricShown = Annotated[MetricValue, leaf(_read_metric, {"anyOf": _METRIC_SCHEMA})]
At = Annotated[int, leaf(_read_at, {"anyOf": _AT_SCHEMA})]
Times = Annotated[int | None, leaf(_read_times, {"anyOf": _TIMES_SCHEMA})]
Method = Annotated[str, choice({method: method for method in ("GET", "POST")}, "a method")]
Path = Annotated[str | None, TEXT, then(lambda path: None if path == "any" else path)]
Body = Annotated[Any, TEXT]
"""JSON for a program, which no type of msgspec's is; a text in a script."""


# -- what goes wrong with a request --------------------------------------------------------------------------


class ConnectionRefused(Noun, frozen=True, tag="connection_refused"):
    """The connection is refused; the server never sees the request."""

    # On real sockets a request over an open connection cannot be refused. So a fault without a `method` closes the
    # listener ahead of its request, for `seconds`; one that names a method, or a path of its own, resets the request.
    seconds: Seconds = field(name="for", default=0.3)
    """How long the region refuses, on real sockets."""


class ConnectionReset(Noun, frozen=True, tag="connection_reset"):
    """The connection is reset before anything was applied."""


class Slow(Noun, frozen=True, tag="slow"):
    """Handled at once, answered so much later."""

    seconds: Seconds = field(name="by")
    """How much later the answer comes."""


class Drip(Noun, frozen=True, tag="drip"):
    """Answered one byte at a time."""

    seconds: Seconds = field(name="every")
    """Between two bytes."""


class Silence(Noun, frozen=True, tag="silence"):
    """Never answered; the connection stays open."""

    applied: bool = False
    """The write took effect all the same."""


class AnswerLost(Noun, frozen=True, tag="answer_lost"):
    """Applied, then the connection is closed without an answer."""


class AppliedLate(Noun, frozen=True, tag="applied_late"):
    """The write is applied so much later; until then there is no answer, or that of a gateway that gave up."""

    seconds: Seconds = field(name="after")
    """When the write takes effect."""
    status: Failure | None = None
    """The 5xx of a gateway that gave up waiting; left out: the connection is closed without an answer."""


class ClientError(Noun, frozen=True, tag="client_error"):
    """Refused with 400, 401, 403, 404 or any other 4xx, in the form that the reference gives it."""

    status: Annotated[int, whole_number(400, 499)] = 403
    detail: Text = ""
    applied: bool = False
    """The write took effect all the same."""


class Redirect(Noun, frozen=True, tag="redirect"):
    """Answered with a 3xx, as a proxy does that wants somebody to log in."""

    status: Annotated[int, whole_number(300, 399)] = 302
    location: Annotated[str, NO_KEY] = "https://login.example/"
    applied: bool = False
    """The write took effect first."""


class Throttle(Noun, frozen=True, tag="throttle"):
    """Refused with 429, which says how long to wait; neither: nothing."""

    reset: Annotated[int, whole_number(0, 3600)] | None = None
    """Seconds until the next window, in the X-RateLimit headers."""
    retry_after: Text | None = None
    """As some edges send it: seconds or an HTTP date, as a text."""
    applied: bool = False
    """The write took effect all the same."""


class ServerError(Noun, frozen=True, tag="server_error"):
    """A 5xx with a page of HTML."""

    status: Failure = 503
    applied: bool = False
    """The write took effect all the same."""


class TruncatedBody(Noun, frozen=True, tag="truncated_body"):
    """Applied, but the connection is closed in the middle of the answer's body."""


class WrongBody(Noun, frozen=True, tag="wrong_body"):
    """Applied, but the body of the 200 is something else."""

    body: Body = "null"
    """A text goes out as it stands."""
    content_type: Text = "application/json"


class StaleRead(Noun, frozen=True, tag="stale_read"):
    """A GET shows an older record."""

    seconds: Seconds | None = field(name="by", default=None)
    """How old the record is that is shown; left out: as before its latest change."""


class ReplicaBehind(Noun, frozen=True, tag="replica_behind"):
    """From now on a GET shows the record as it was before its latest changes, as a replica does that lags behind."""

    versions: Count = field(name="changes", default=1)
    """How many changes it lacks; those that are made from now on are not shown either."""
    seconds: Seconds | None = field(name="for", default=None)
    """How long; left out: for good."""


class ForeignWriter(Noun, frozen=True, tag="foreign_writer"):
    """Somebody else writes."""

    status: SourceStatus
    modified_by: Text = "someone.else@example.com"
    role: RoleName | None = field(name="org", default=None)
    """Whose record; left out: that of the org that was asked."""
    after: bool = False
    """Just after the request was handled, in place of just before."""


class RegionDark(Noun, frozen=True, tag="region_dark"):
    """The region goes dark: this request is not applied, and those that follow are refused."""

    seconds: Seconds | None = field(name="for", default=None)
    """How long; left out: until it is switched on again."""
    silent: bool = False
    """Connections are made and never answered, in place of being refused."""
    answers: Annotated[int, whole_number(200, 599)] | None = None
    """The edge in front of it answers everything with this status and a page of HTML."""
    page: bool = True
    """What it answers with is a page; else it has the API's own error form."""


class MetricShows(Noun, frozen=True, tag="metric"):
    """What a metric query shows, from now on."""

    query: Text
    value: MetricShown
    """A number, no data, no value (a null), or a list of numbers and no value, spread over the window that is asked for."""
    seconds: Seconds | None = field(name="for", default=None)
    """How long; left out: for good."""
    role: RoleName | None = field(name="org", default=None)
    """Whose metric; left out: that of the org that the fault is about."""

    def __post_init__(self) -> None:
        metric_value(self.value)


class MonitorShows(Noun, frozen=True, tag="monitor"):
    """The state of a monitor, from now on."""

    number: Annotated[int, whole_number(1, _MOST_ID)] = field(name="id")
    state: MonitorState
    """OK, Alert, …; absent: there is no such monitor."""
    seconds: Seconds | None = field(name="for", default=None)
    """How long; left out: for good."""
    role: RoleName | None = field(name="org", default=None)
    """Whose monitor; left out: that of the org that the fault is about."""

    def __post_init__(self) -> None:
        monitor_state(self.state)


WorldFault = ReplicaBehind | ForeignWriter | RegionDark | MetricShows | MonitorShows
"""The kinds that need no request to happen: these may have a time of their own."""

FaultKind = (
    ConnectionRefused
    | ConnectionReset
    | Slow
    | Drip
    | Silence
    | AnswerLost
    | AppliedLate
    | ClientError
    | Redirect
    | Throttle
    | ServerError
    | TruncatedBody
    | WrongBody
    | StaleRead
    | WorldFault
)

FROM_THE_START = (MetricShows, MonitorShows)
"""The kinds that in a script hold from the beginning where `at` is left out."""


def tags_of(*kinds: type[Noun]) -> tuple[str, ...]:
    """How files name kinds."""
    return tuple(str(kind.__struct_config__.tag) for kind in kinds)


KINDS = tags_of(*get_args(FaultKind))
"""The kinds, as a script names them."""


def _scripted(*, kind: FaultKind, at: int | timedelta | None = None, **settings: Any) -> Fault:
    """A fault as a script has it, where `at` may be a time since the beginning."""
    when = at if at is not None else timedelta(0) if isinstance(kind, FROM_THE_START) else 1
    if isinstance(when, timedelta):
        return Fault(kind, after=when.total_seconds(), **settings)
    return Fault(kind, when, **settings)


class Fault(Noun, frozen=True):
    """One fault: one key for its kind, and which requests it strikes."""

    makes: ClassVar[Callable[..., object] | None] = _scripted

    kind: FaultKind
    at: At = 1
    """The first request that it strikes, counted from 1 among those that match; or, for what needs no request, a time
    since the beginning. Left out: 1, and for metric and monitor 0s."""
    role: RoleName | None = field(name="org", default=None)
    """Left out: either."""
    method: Method | None = None
    """Left out: either."""
    times: Times = 1
    """How many of them, one after the other; or forever."""
    path: Path = RECORD_PATH
    """any: every path."""
    after: Annotated[float | None, NO_KEY] = None
    """Not at a request, but so many seconds after it was added; `at`, `times`, `method` and `path` then mean nothing."""

    def __post_init__(self) -> None:
        if self.after is not None and (self.after < 0 or not isinstance(self.kind, WorldFault)):
            raise ValueError("only what needs no request can have a time of its own, and none in the past")
        if self.after is not None and self.struck_role is None:
            raise ValueError("a fault with a time of its own has to say which org it is about")
        if self.at < 1 or (self.times is not None and self.times < 1):
            raise ValueError("a fault's `at` and `times` count from 1")

    def concerns(self, role: Role, method: str, path: str) -> bool:
        """Whether such a request counts for this fault."""
        return (
            self.after is None
            and self.role in (None, role)
            and self.method in (None, method.upper())
            and self.path in (None, path)
        )

    @property
    def struck_role(self) -> Role | None:
        """The org that is struck; None: the one that is asked."""
        match self.kind:
            case (
                ForeignWriter(role=Role() as role)
                | MetricShows(role=Role() as role)
                | MonitorShows(role=Role() as role)
            ):
                return role
            case _:
                return self.role

    def strikes(self, number: int) -> bool:
        """Whether it hits the matching request with that number."""
        return self.at <= number and (self.times is None or number < self.at + self.times)
