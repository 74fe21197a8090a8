"""The kinds of faults: what happens to the request that is hit, or to the world around it."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status

from .values import MetricValue, metric_value, monitor_state


class ConnectionRefused(Struct, frozen=True):
    """The connection is refused; the server never sees the request.

    On real sockets a request over an open connection cannot be refused. So a fault without a `method` closes
    the listener ahead of its request, for `seconds`; one that names a method, or a path of its own, resets the
    request, unapplied.
    """

    seconds: float = 0.3


class Slow(Struct, frozen=True):
    """Handled at once, answered so many seconds later."""

    seconds: float


class Drip(Struct, frozen=True):
    """Answered one byte at a time, with so many seconds between them."""

    seconds: float


class Silence(Struct, frozen=True):
    """Never answered; the connection stays open. Not applied, unless it says so."""

    applied: bool = False


class AnswerLost(Struct, frozen=True):
    """Applied, then the connection is closed without an answer."""


class AppliedLate(Struct, frozen=True):
    """The write is applied so many seconds later; until then there is no answer, or that of a gateway that gave up."""

    seconds: float
    status: int | None = None
    """A 5xx with a page of HTML; None: the connection is closed without an answer."""


class ConnectionReset(Struct, frozen=True):
    """The connection is reset before anything was applied."""


class ClientError(Struct, frozen=True):
    """Refused with 400, 401, 403, 404 or any other 4xx, in the form that the reference gives it."""

    status: int = 403
    detail: str = ""
    applied: bool = False
    """The write took effect all the same."""


class Redirect(Struct, frozen=True):
    """Answered with a 3xx, as a proxy does that wants somebody to log in; `applied` where the write took effect first."""

    status: int = 302
    location: str = "https://login.example/"
    applied: bool = False


class Throttle(Struct, frozen=True):
    """Refused with 429: `reset` in the X-RateLimit headers, or `retry_after` as some edges send it, or neither."""

    reset: int | None = 1
    """Seconds until the next window."""
    retry_after: str | None = None
    """Seconds or an HTTP date, sent as it stands."""
    applied: bool = False
    """The write took effect all the same."""


class ServerError(Struct, frozen=True):
    """A 5xx with a page of HTML; `applied` where the write took effect all the same."""

    status: int = 503
    applied: bool = False


class TruncatedBody(Struct, frozen=True):
    """Applied, but the connection is closed in the middle of the answer's body."""


class WrongBody(Struct, frozen=True):
    """Applied, but the body of the 200 is something else: this JSON, or this text as it stands."""

    body: JSON = "null"
    content_type: str = "application/json"


class StaleRead(Struct, frozen=True):
    """A GET shows the record as it was so many seconds ago; None: as it was before its latest change."""

    seconds: float | None = None


class ReplicaBehind(Struct, frozen=True):
    """From now on a GET shows the record as it was before its latest changes, as a replica does that lags behind."""

    versions: int = 1
    """How many changes it lacks; those that are made from now on are not shown either."""
    seconds: float | None = None
    """How long; None: for good."""


class ForeignWriter(Struct, frozen=True):
    """Somebody else writes the record of `role` (None: the org that was asked) just before the request is handled, or after."""

    status: Status
    modified_by: str = "someone.else@example.com"
    role: Role | None = None
    after: bool = False


class RegionDark(Struct, frozen=True):
    """The region goes dark: this request is not applied, and those that follow are refused, or met with silence."""

    seconds: float | None = None
    """None: until it is switched on again."""
    silent: bool = False
    answers: int | None = None
    """The edge in front of it answers everything with this status and a page of HTML."""


class MetricShows(Struct, frozen=True):
    """A query of `role` (None: the org that was asked) shows this value, from now on."""

    query: str
    value: MetricValue
    seconds: float | None = None
    """How long; None: for good."""
    role: Role | None = None

    def __post_init__(self) -> None:
        metric_value(self.value)


class MonitorShows(Struct, frozen=True):
    """A monitor of `role` (None: the org that was asked) is in this state, from now on."""

    number: int
    state: str | None
    """One of MONITOR_STATES; None: there is no such monitor."""
    seconds: float | None = None
    """How long; None: for good."""
    role: Role | None = None

    def __post_init__(self) -> None:
        monitor_state(self.state)


RequestFault = (
    ConnectionRefused
    | Slow
    | Drip
    | Silence
    | AnswerLost
    | AppliedLate
    | ConnectionReset
    | ClientError
    | Throttle
    | ServerError
    | TruncatedBody
    | WrongBody
    | StaleRead
    | ForeignWriter
    | RegionDark
)
"""What goes wrong with requests; `random_faults` draws from these."""

FaultKind = RequestFault | Redirect | ReplicaBehind | MetricShows | MonitorShows

WorldFault = ReplicaBehind | ForeignWriter | RegionDark | MetricShows | MonitorShows
"""The kinds that need no request to happen: these may have a time of their own."""
