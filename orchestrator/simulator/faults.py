"""Faults: what goes wrong, at which request, and the matcher that counts the requests.

A fault's kind says what happens to the request that it hits. All of it is plain data, so that a script can
be written down, drawn from a seed, or read from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status

from .values import MetricValue, metric_value, monitor_state

HAMR_PATH = "/api/v2/hamr"


@dataclass(frozen=True, slots=True)
class ConnectionRefused:
    """The connection is refused; the server never sees the request.

    On real sockets a request over an open connection cannot be refused. So a fault without a `method` closes
    the listener ahead of its request, for `seconds`; one that names a method, or a path of its own, resets the
    request, unapplied.
    """

    seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Slow:
    """Handled at once, answered so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Drip:
    """Answered one byte at a time, with so many seconds between them."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Never answered; the connection stays open. Not applied, unless it says so."""

    applied: bool = False


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """Applied, then the connection is closed without an answer."""


@dataclass(frozen=True, slots=True)
class AppliedLate:
    """The connection is closed without an answer; the write is applied so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ConnectionReset:
    """The connection is reset before anything was applied."""


@dataclass(frozen=True, slots=True)
class ClientError:
    """Refused with 400, 401, 403, 404 or any other 4xx, in the form that the reference gives it."""

    status: int = 403
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Throttle:
    """Refused with 429: `reset` in the X-RateLimit headers, or `retry_after` as some edges send it, or neither."""

    reset: int | None = 1
    """Seconds until the next window."""
    retry_after: str | None = None
    """Seconds or an HTTP date, sent as it stands."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """A 5xx with a page of HTML; `applied` where the write took effect all the same."""

    status: int = 503
    applied: bool = False


@dataclass(frozen=True, slots=True)
class TruncatedBody:
    """Applied, but the connection is closed in the middle of the answer's body."""


@dataclass(frozen=True, slots=True)
class WrongBody:
    """Applied, but the body of the 200 is something else: this JSON, or this text as it stands."""

    body: JSON = "null"
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class StaleRead:
    """A GET shows the record as it was so many seconds ago; None: as it was before its latest change."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ForeignWriter:
    """Somebody else writes the record of `role` (None: the org that was asked) just before the request is handled, or after."""

    status: Status
    modified_by: str = "someone.else@example.com"
    role: Role | None = None
    after: bool = False


@dataclass(frozen=True, slots=True)
class RegionDark:
    """The region goes dark: this request is not applied, and those that follow are refused, or met with silence."""

    seconds: float | None = None
    """None: until it is switched on again."""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class MetricShows:
    """A query of `role` (None: the org that was asked) shows this value, from now on."""

    query: str
    value: MetricValue
    seconds: float | None = None
    """How long; None: for good."""
    role: Role | None = None

    def __post_init__(self) -> None:
        metric_value(self.value)


@dataclass(frozen=True, slots=True)
class MonitorShows:
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

FaultKind = RequestFault | MetricShows | MonitorShows

WorldFault = ForeignWriter | RegionDark | MetricShows | MonitorShows
"""The kinds that need no request to happen: these may have a time of their own."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to which requests: those from the `at`th matching one on, `times` of them."""

    kind: FaultKind
    at: int = 1
    """Counts from 1, among the requests that match, since the fault was added."""
    role: Role | None = None
    """None: either org."""
    method: str | None = None
    """GET or POST; None: either."""
    times: int | None = 1
    """None: for ever."""
    path: str | None = HAMR_PATH
    """None: any path."""
    after: float | None = None
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


class Faults:
    """The script in force. Deterministic: each fault counts the requests that match it, and nothing else matters."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._seen: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]
        self._listeners: list[Callable[[], None]] = []

    def add(self, *faults: Fault) -> None:
        """Put more faults in force; each counts from now on."""
        self._seen += [(fault, 0) for fault in faults]
        self._changed()

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self._seen = []
        self._changed()

    def pending(self) -> tuple[Fault, ...]:
        """The faults that can still strike."""
        return tuple(
            fault for fault, seen in self._seen if fault.times is None or seen + 1 < fault.at + fault.times
        )

    def match(self, role: Role, method: str, path: str) -> tuple[Fault, ...]:
        """Count one request, and give the faults that strike it, in the order in which they were added."""
        struck = []
        for index, (fault, seen) in enumerate(self._seen):
            if fault.concerns(role, method, path):
                self._seen[index] = (fault, seen + 1)
                if fault.strikes(seen + 1):
                    struck.append(fault)
        return tuple(struck)

    def refusing(self, role: Role) -> Fault | None:
        """The fault that refuses the next connection to this org, whatever is asked; None where there is none.

        One for another path has to see the request first, as one for a method has.
        """
        for fault, seen in self._seen:
            if (
                isinstance(fault.kind, ConnectionRefused)
                and fault.method is None
                and fault.path in (None, HAMR_PATH)
                and fault.role in (None, role)
                and fault.strikes(seen + 1)
            ):
                return fault
        return None

    def spend(self, fault: Fault) -> None:
        """Count one request for a fault that struck before the request could be seen."""
        self.struck(fault)
        self._changed()

    def struck(self, fault: Fault) -> None:
        """Count once more for a fault that struck without a request."""
        self._seen = [(each, seen + 1 if each is fault else seen) for each, seen in self._seen]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call this whenever the script changed other than by a request."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()
