"""Both regions without sockets: requests go in, effects come out, and every delay passes on the Clock.

This is the door for deterministic tests; `simulation.py` puts real sockets before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import assert_never

from orchestrator.config.faults import ConnectionRefused, Fault, MetricValue, RegionDark, WorldFault
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from .config import SimulatorConfig
from .effects import (
    Closed,
    Effect,
    Incoming,
    LoggedRequest,
    Moment,
    Refused,
    Reset,
    Response,
    Silent,
    Truncated,
)
from .endpoints import Call
from .faults import Faults, Timetable
from .region import decide, in_the_dark, strike
from .state import Darkness, PairState
from .wire import PostedEvent, decode


class Regions:
    """Two regions and one pair of orgs, which live in the time of the clock; nothing here waits on any other."""

    def __init__(self, config: SimulatorConfig, clock: Clock, faults: Iterable[Fault] = ()) -> None:
        self.config = config
        self.clock = clock
        self.faults = Faults(faults)
        self._state = PairState(config, self._now())
        self.timetable = Timetable(self.faults, lambda: self.clock.monotonic())  # noqa: PLW0108 - tests exchange the clock

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request to either region, in the order of arrival."""
        return self._settled.log.requests

    def record(self, role: Role) -> HamrRecord | None:
        """The org's record as it really is now; None where it has none."""
        return self._settled.record(role)

    def foreign_write(
        self, role: Role, status: Status, modified_by: str = "someone.else@example.com"
    ) -> HamrRecord | None:
        """Somebody else changes the org's status (ABSENT: takes the connection away); gives the new record."""
        return self._settled.foreign_write(role, status, modified_by, self._now())

    def events(self, role: Role) -> tuple[PostedEvent, ...]:
        """The events that clients have posted to the org, in the order of arrival."""
        return tuple(self._settled.events[role])

    def set_metric(self, role: Role, query: str, value: MetricValue, *, seconds: float | None = None) -> None:
        """From now on the org's query shows this, for so many seconds or (None) for good; a ValueError for no value."""
        self._settled.telemetry.set_metric(role, query, value, self.clock.monotonic(), seconds)

    def set_monitor(
        self, role: Role, number: int, state: str | None, *, seconds: float | None = None
    ) -> None:
        """From now on the org's monitor is in this state (None: there is no such monitor); a ValueError for no state."""
        self._settled.telemetry.set_monitor(role, number, state, self.clock.monotonic(), seconds)

    def set_dark(self, role: Role, dark: bool, *, silent: bool = False, answers: int | None = None) -> None:
        """Take a region off the network, or bring it back.

        Dark, it refuses connections; or makes them and never answers (`silent`); or the edge in front of it answers
        everything with the status `answers`.
        """
        if dark:
            self._settled.go_dark(role, self._now(), RegionDark(silent=silent, answers=answers))
        else:
            self._settled.come_back(role, self._now())

    def fall_behind(self, role: Role, *, versions: int = 1, seconds: float | None = None) -> None:
        """From now on the org's reads lack its latest changes, for so many seconds or for good."""
        self._settled.fall_behind(role, self._now(), versions=versions, seconds=seconds)

    def refuses(self, role: Role, method: str, path: str) -> bool:
        """Whether a connection for such a request would be refused just now. Nothing is counted."""
        darkness = self.darkness(role)
        if darkness is not None:
            return darkness.refuses
        return any(isinstance(fault.kind, ConnectionRefused) for fault in self.faults.due(role, method, path))

    def darkness(self, role: Role) -> Darkness | None:
        """How the region is dark now; None where it answers."""
        return self._settled.darkness(role)

    async def handle(  # noqa: PLR0917 - the parts of a request, in their usual order
        self,
        role: Role,
        method: str,
        path: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Effect:
        """One request to one region, from the moment it leaves the client to the moment its effect is felt there.

        The query has no question mark, the headers' names may be in any case.
        """
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        incoming = Incoming(method.upper(), path, query, lower, body)
        log = self._settled.log
        seq = log.arrive(self.clock.now(), role, incoming, decode(body))
        effect = await self._exchange(role, incoming, seq)
        log.ended(seq, describe(effect))
        return effect

    async def _exchange(self, role: Role, incoming: Incoming, seq: int) -> Effect:
        faults = self.faults.match(role, incoming.method, incoming.path)
        darkness = self._state.darkness(role)
        if darkness is not None and darkness.how.answers is None:
            return Silent() if darkness.how.silent else Refused()
        if any(isinstance(fault.kind, ConnectionRefused) for fault in faults):
            return Refused()
        latency, arrived = self.config.latency[role], self.clock.monotonic()
        await self._pass(latency / 2)
        if self._state.darkness(role) is not None:
            effect = in_the_dark(self._state, role, self._now(), seq)
            if isinstance(effect, Response):
                await self._pass(latency / 2)
            return effect
        decision = decide(Call(self._state, role, incoming, faults, seq, self._now()))
        if decision.applied:
            self._state.log.applied(seq)
        if isinstance(decision.effect, Silent):
            return decision.effect
        # Until the moment when the answer is due: what handling it took is part of the round trip, not on top of it.
        await self._pass(arrived + latency + decision.wait - self.clock.monotonic())
        darkened = self._state.darkness(role) is not None and not isinstance(decision.effect, Reset)
        return in_the_dark(self._state, role, self._now(), seq) if darkened else decision.effect

    async def _pass(self, seconds: float) -> None:
        if seconds > 0:
            await self.clock.sleep(seconds)
        self._settle()

    def _now(self) -> Moment:
        return Moment(self.clock.now(), self.clock.monotonic())

    @property
    def _settled(self) -> PairState:
        """The state, once everything has happened that has fallen due."""
        self._settle()
        return self._state

    def _settle(self) -> None:
        now = self._now()
        for due, fault in self.timetable.due(now.monotonic):
            then = Moment(now.wall - timedelta(seconds=now.monotonic - due), due)
            self._state.settle(then)
            role = fault.struck_role
            assert role is not None  # noqa: S101 - Fault makes sure of both
            assert isinstance(fault.kind, WorldFault)  # noqa: S101
            strike(self._state, fault.kind, role, then)
        self._state.settle(now)


def describe(effect: Effect) -> str:
    """An effect in a word or two, for the log."""
    match effect:
        case Response(status=status):
            return str(status)
        case Truncated(response=response):
            return f"truncated {response.status}"
        case Closed() | Reset() | Refused() | Silent():
            return type(effect).__name__.lower()
        case _:
            assert_never(effect)
