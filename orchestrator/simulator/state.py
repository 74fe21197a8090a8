"""One simulated pair: both orgs' records, what is on its way to them, which region is dark, and what metrics show. No I/O, no clock.

Whatever takes time (a mirror's copy, a late write, a server that advances by itself, the end of darkness) waits in
one queue, and `settle` lets happen what has fallen due. So the state is a function of the calls and their times.
"""

from __future__ import annotations

import enum
import heapq
import itertools
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config.faults import MetricValue, RegionDark, metric_value, monitor_state
from orchestrator.config.scenario import Returning
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Both, Role, Status

from .config import RateLimit, SimulatedOrg, SimulatorConfig
from .wire import LoggedRequest, Moment, Posted, PostedEvent, datacenter_text, own_datacenter

SERVER_NAME = "hamr-server@datadog.example"
"""Who the server says it was, when it moves a record by itself."""

_ADVANCES = {Status.FAILOVER: Status.ACTIVE, Status.RECOVERY: Status.PASSIVE}


class _Due(Struct, frozen=True):
    """What will happen, once no region that it wants is dark."""

    happen: Callable[[Moment], object]
    wants: tuple[Role, ...] = ()
    is_copy: bool = False
    """It is a mirror's copy."""


class Darkness(Struct, frozen=True):
    """A region does not answer."""

    how: RegionDark
    until: float | None
    """When it ends, on the monotonic clock; None: when it is switched on again."""

    @property
    def refuses(self) -> bool:
        """Whether no connection is made at all."""
        return not self.how.silent and self.how.answers is None


class Behind(Struct, frozen=True):
    """A region's reads are served by a replica that does not get newer."""

    record: HamrRecord | None
    """What it shows."""
    until: float | None
    """When it has caught up, on the monotonic clock; None: never."""


class PairState:
    """Both orgs of one pair."""

    def __init__(self, config: SimulatorConfig, start: Moment) -> None:
        self.config = config
        self.requests: list[LoggedRequest] = []
        """Every one to either region, in the order of arrival."""
        self._numbers = itertools.count(1)
        self._queue: list[tuple[float, int, _Due]] = []
        self._held: list[_Due] = []
        self._dark: Both[Darkness | None] = Both(None, None)
        self._behind: Both[Behind | None] = Both(None, None)
        self.windows = Both(RateWindow(config.rate_limit), RateWindow(config.rate_limit))
        self.telemetry = Telemetry(config.metrics, config.monitors, start.monotonic)
        self.events: Both[list[PostedEvent]] = Both([], [])
        self._stamped = start.wall - timedelta(days=1)
        self._history: Both[list[tuple[float, HamrRecord | None]]] = Both([], [])
        for role, status in config.status.items():
            first = None if status is Status.ABSENT else self._first(role, status, start)
            self._history[role].append((float("-inf"), first))

    # -- looking ---------------------------------------------------------------------------------------------

    def org(self, role: Role) -> SimulatedOrg:
        """Who the org is."""
        return self.config.orgs[role]

    def record(self, role: Role) -> HamrRecord | None:
        """The org's record, or None where it has none."""
        return self._history[role][-1][1]

    def record_at(self, role: Role, monotonic: float) -> HamrRecord | None:
        """The org's record as it was at that time."""
        return next(record for since, record in reversed(self._history[role]) if since <= monotonic)

    def record_before(self, role: Role) -> HamrRecord | None:
        """The org's record as it was before its latest change; the present one where it never changed."""
        history = self._history[role]
        return history[-2][1] if len(history) > 1 else history[-1][1]

    def darkness(self, role: Role) -> Darkness | None:
        """How the region is dark; None where it answers."""
        return self._dark[role]

    def behind(self, role: Role, now: Moment) -> Behind | None:
        """The replica that serves the org's reads; None where they show what is there."""
        behind = self._behind[role]
        if behind is None or (behind.until is not None and behind.until <= now.monotonic):
            return None
        return behind

    def fall_behind(self, role: Role, now: Moment, *, versions: int, seconds: float | None = None) -> None:
        """From now on the org's reads lack its latest changes, for so many seconds or for good."""
        history = self._history[role]
        record = history[max(0, len(history) - 1 - versions)][1]
        until = None if seconds is None else now.monotonic + seconds
        self._behind = self._behind.with_(role, Behind(record, until))

    def logged(self, seq: int, **facts: Any) -> None:
        """Of a request this is known now, too."""
        self.requests[seq - 1] = replace(self.requests[seq - 1], **facts)

    # -- writing ---------------------------------------------------------------------------------------------

    def refusal(self, role: Role, posted: Posted) -> tuple[str, str] | None:
        """Why a strict server refuses the POST, as (pointer, detail); None where it takes it."""
        if not self.config.strict:
            return None
        if posted.target_uuid != self.org(role.other).uuid:
            return "target_org_uuid", "the target org is not the peer of this connection"
        present = self.record(role)
        source = Status.ABSENT if present is None else Status.of(present.status)
        if source in (None, posted.status) or (source, posted.status) in self.config.moves:
            return None
        return "hamr_status", f"an org in {source} cannot move to {posted.status}"

    def write(self, role: Role, posted: Posted, now: Moment) -> HamrRecord:
        """Apply a POST: the whole record is replaced."""
        first = self._first(role, posted.status, now)
        name, datacenter = posted.target_name, posted.target_datacenter
        written = replace(
            first,
            is_primary=posted.is_primary,
            modified_by=self._author(role, posted.modified_by),
            modified_at=self._stamp(role, now.wall),
            target_uuid=posted.target_uuid,
            target_name=first.target_name if name is None else name,
            target_datacenter=first.target_datacenter if datacenter is None else datacenter,
            extra=posted.extra,
        )
        return self._put(role, written, now)

    def write_later(self, role: Role, posted: Posted, seq: int, due: float) -> None:
        """Apply a POST at that time, and say so in the log under its number."""

        def arrive(then: Moment) -> None:
            if self.refusal(role, posted) is None:
                self.write(role, posted, then)
                self.logged(seq, applied=True)

        self._enqueue(due, _Due(arrive, (role,)))

    def foreign_write(self, role: Role, status: Status, modified_by: str, now: Moment) -> HamrRecord | None:
        """Somebody else changes the status (ABSENT: removes the connection) and nothing but the status."""
        if status is Status.ABSENT:
            self._history[role].append((now.monotonic, None))
            return None
        changed = replace(
            self.record(role) or self._first(role, status, now),
            status=int(status),
            modified_by=self.config.authors.as_returned(modified_by),
            modified_at=self._stamp(role, now.wall),
        )
        return self._put(role, changed, now)

    # -- darkness --------------------------------------------------------------------------------------------

    def go_dark(self, role: Role, now: Moment, how: RegionDark) -> None:
        """The region stops answering, for so many seconds or until `come_back`."""
        until = None if how.seconds is None else now.monotonic + how.seconds
        darkness = Darkness(how, until)
        self._dark = self._dark.with_(role, darkness)

        def end(then: Moment) -> None:
            if self._dark[role] is darkness:
                self.come_back(role, then)

        if until is not None:
            self._enqueue(until, _Due(end))

    def come_back(self, role: Role, now: Moment) -> None:
        """The region answers again, and what was held up for it happens now."""
        if self._dark[role] is None:
            return
        self._dark = self._dark.with_(role, None)
        returned = self.record(role)
        held, self._held = self._held, []
        for due in held:
            if not (due.is_copy and self.config.returning is not Returning.CATCH_UP):
                self._happen(due, now)
        if self.config.mirror is not None and self.config.returning is Returning.REVERT and returned:
            self._mirror(role, returned, now)

    # -- time ------------------------------------------------------------------------------------------------

    def settle(self, now: Moment) -> None:
        """Let happen what has fallen due, in order."""
        while self._queue and self._queue[0][0] <= now.monotonic:
            due_at, _, due = heapq.heappop(self._queue)
            self._happen(due, Moment(now.wall - timedelta(seconds=now.monotonic - due_at), due_at))

    # -- inside ----------------------------------------------------------------------------------------------

    def _first(self, role: Role, status: Status, now: Moment) -> HamrRecord:
        """A record as it is before anybody has written it."""
        peer, wire = self.org(role.other), self.config.wire
        return HamrRecord(
            org_uuid=self.org(role).uuid,
            status=int(status),
            is_primary=role is Role.PRIMARY,
            modified_by="onboarding@datadog.example",
            modified_at=self._exactness(now.wall - timedelta(days=1) + self._skew(role)),
            target_uuid=peer.uuid,
            target_name=peer.name,
            target_datacenter=datacenter_text(wire, peer.datacenter),
            datacenter=own_datacenter(wire, self.org(role).datacenter),
            wire=wire,
            extra=self.config.extra,
        )

    def _author(self, role: Role, sent: str) -> str:
        """Who wrote, as the server has it."""
        return self.org(role).caller if self.config.renames_author else self.config.authors.as_returned(sent)

    def _skew(self, role: Role) -> timedelta:
        return timedelta(seconds=self.config.skew[role])

    def _stamp(self, role: Role, wall: datetime) -> datetime | None:
        """The server's time of a write: later than every one before it, however still the clock stands."""
        self._stamped = max(wall, self._stamped + timedelta(microseconds=1))
        return self._exactness(self._stamped + self._skew(role))

    def _exactness(self, moment: datetime) -> datetime | None:
        if self.config.no_times:
            return None
        return moment.replace(microsecond=0) if self.config.whole_seconds else moment

    def _put(self, role: Role, record: HamrRecord, now: Moment) -> HamrRecord:
        self._history[role].append((now.monotonic, record))
        status = Status.of(record.status)

        def advance(then: Moment) -> None:
            if status is not None and self.record(role) == record:  # nobody wrote it since
                self.foreign_write(role, _ADVANCES[status], SERVER_NAME, then)

        if self.config.advances and status in _ADVANCES:
            self._enqueue(now.monotonic + self.config.advances_after, _Due(advance, (role,)))
        self._mirror(role, record, now)
        return record

    def _mirror(self, role: Role, record: HamrRecord, now: Moment) -> None:
        to = role.other

        def arrive(then: Moment) -> None:
            copied = replace(
                self.record(to) or self._blank(to),
                status=record.status,
                modified_at=record.modified_at,
                modified_by=record.modified_by,
            )
            self._history[to].append((then.monotonic, copied))

        copy = _Due(arrive, (to, role), is_copy=True)
        match self.config.mirror:
            case None:
                pass
            case 0:
                self._happen(copy, now)
            case delay:
                self._enqueue(now.monotonic + delay, copy)

    def _enqueue(self, due_at: float, due: _Due) -> None:
        heapq.heappush(self._queue, (due_at, next(self._numbers), due))

    def _happen(self, due: _Due, now: Moment) -> None:
        if any(self._dark[role] for role in due.wants):
            self._held.append(due)
        else:
            due.happen(now)

    def _blank(self, role: Role) -> HamrRecord:
        """The record that a mirror makes for an org that has none."""
        return replace(self._first(role, Status.UNSPECIFIED, Moment(self._stamped, 0.0)), extra=())


# -- rate limits -----------------------------------------------------------------------------------------------


class Allowance(Struct, frozen=True):
    """Where an org stands in its window, this request counted."""

    limit: RateLimit
    allowed: bool
    remaining: int
    reset: float
    """Seconds until the next window."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The five X-RateLimit headers; reset is a number of seconds, not a time [doc]."""
        return {
            "X-RateLimit-Limit": str(self.limit.limit),
            "X-RateLimit-Period": f"{self.limit.period:g}",
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(math.ceil(self.reset)),
            "X-RateLimit-Name": "hamr",
        }


class RateWindow:
    """Counts one org's requests."""

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._opened = float("-inf")
        self._used = 0

    def take(self, monotonic: float) -> Allowance | None:
        """Count one request; None where there is no limit."""
        limit = self._limit
        if limit is None:
            return None
        if monotonic >= self._opened + limit.period:
            self._opened, self._used = monotonic, 0
        allowed = self._used < limit.limit
        self._used += allowed
        return Allowance(limit, allowed, limit.limit - self._used, self._opened + limit.period - monotonic)


# -- metrics and monitors ------------------------------------------------------------------------------------

V = TypeVar("V")

_ALWAYS = float("-inf")


class _Usual(enum.Enum):
    """Nobody has set this metric at that time."""

    USUAL = "usual"


USUAL: Final = _Usual.USUAL
"""Nobody has set this metric at that time: it shows what the traffic makes of it."""

Shown = MetricValue | _Usual


class Timeline(Generic[V]):
    """One thing's values, and since when each holds, in seconds of the monotonic clock."""

    def __init__(self, first: V) -> None:
        self._values: list[tuple[float, V]] = [(_ALWAYS, first)]

    def at(self, monotonic: float) -> V:
        """The value at that time."""
        return self._values[bisect_right(self._values, monotonic, key=lambda each: each[0]) - 1][1]

    def put(self, value: V, since: float, until: float | None) -> None:
        """The value holds from `since` on: for good, or until a time at which things are as they would have been."""
        after = [] if until is None else [(until, self.at(until))]
        later = [] if until is None else [each for each in self._values if each[0] > until]
        self._values = [*(each for each in self._values if each[0] < since), (since, value), *after, *later]


class Telemetry:
    """The metrics and monitors of one pair. What is set at the start holds for all that was before, too; a ValueError for no value or state."""

    def __init__(
        self, metrics: Both[Mapping[str, MetricValue]], monitors: Both[Mapping[int, str | None]], start: float
    ) -> None:
        self._start = start
        self._metrics: Both[dict[str, Timeline[Shown]]] = Both({}, {})
        self._monitors: Both[dict[int, Timeline[str | None]]] = Both({}, {})
        for role in Role:
            for query, value in metrics[role].items():
                self.set_metric(role, query, value, start)
            for number, state in monitors[role].items():
                self.set_monitor(role, number, state, start)

    def metric(self, role: Role, query: str, monotonic: float) -> Shown:
        """What the org's query shows at that time; USUAL where nobody has set it."""
        timeline = self._metrics[role].get(query)
        return USUAL if timeline is None else timeline.at(monotonic)

    def monitor(self, role: Role, number: int, monotonic: float) -> str | None:
        """The state of the org's monitor at that time: OK where nobody has set it, None where there is none."""
        timeline = self._monitors[role].get(number)
        return "OK" if timeline is None else timeline.at(monotonic)

    def monitors(self, role: Role, monotonic: float) -> Mapping[int, str]:
        """The org's monitors that somebody has set and that are there at that time, by their ids."""
        states = {number: line.at(monotonic) for number, line in sorted(self._monitors[role].items())}
        return {number: state for number, state in states.items() if state is not None}

    def set_metric(
        self, role: Role, query: str, value: MetricValue, since: float, seconds: float | None = None
    ) -> None:
        """From `since` on the org's query shows this, for so many seconds or (None) for good."""
        checked = metric_value(value)
        self._put(self._metrics[role].setdefault(query, Timeline(USUAL)), checked, since, seconds)

    def set_monitor(
        self, role: Role, number: int, state: str | None, since: float, seconds: float | None = None
    ) -> None:
        """From `since` on the org's monitor is in this state (None: there is no such monitor)."""
        checked = monitor_state(state)
        self._put(self._monitors[role].setdefault(number, Timeline("OK")), checked, since, seconds)

    def _put(self, timeline: Timeline[V], value: V, since: float, seconds: float | None) -> None:
        until = None if seconds is None else since + seconds
        timeline.put(value, _ALWAYS if since <= self._start else since, until)
