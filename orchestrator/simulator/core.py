"""Both regions without sockets: requests go in, effects come out, and every delay passes on the Clock.

This is the door for deterministic tests; `simulation.py` puts real sockets before it. What a request comes to is decided
at once: how long its answer takes is part of the decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config import faults
from orchestrator.config.faults import RECORD_PATH, Fault, MetricValue
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from .config import RateLimit, SimulatorConfig
from .endpoints import Call, answer, respond, server_headers
from .faults import Faults, Timetable
from .state import Allowance, Darkness, PairState
from .wire import (
    ERROR_TYPE,
    Effect,
    Incoming,
    LoggedRequest,
    Moment,
    NoAnswer,
    PostedEvent,
    Response,
    Truncated,
    WireError,
    decode,
    encode,
    error_objects,
    error_strings,
    read_post,
)


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
        return tuple(self._settled.requests)

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
            self._settled.go_dark(role, self._now(), faults.RegionDark(silent=silent, answers=answers))
        else:
            self._settled.come_back(role, self._now())

    def fall_behind(self, role: Role, *, versions: int = 1, seconds: float | None = None) -> None:
        """From now on the org's reads lack its latest changes, for so many seconds or for good."""
        self._settled.fall_behind(role, self._now(), versions=versions, seconds=seconds)

    def darkness(self, role: Role) -> Darkness | None:
        """How the region is dark now; None where it answers."""
        return self._settled.darkness(role)

    def is_dark(self, role: Role) -> bool:
        """Whether the region does not answer now."""
        return self.darkness(role) is not None

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
        logged = self._settled.requests
        seq, at = len(logged) + 1, self.clock.now()
        logged.append(LoggedRequest(seq, at, role, incoming.method, path, decode(body), query=query))
        effect = await self._exchange(role, incoming, seq)
        self._state.logged(seq, outcome=describe(effect))
        return effect

    async def _exchange(self, role: Role, incoming: Incoming, seq: int) -> Effect:
        struck = self.faults.match(role, incoming.method, incoming.path)
        darkness = self._state.darkness(role)
        if darkness is not None and darkness.how.answers is None:
            return NoAnswer.SILENT if darkness.how.silent else NoAnswer.REFUSED
        if any(isinstance(fault.kind, faults.ConnectionRefused) for fault in struck):
            return NoAnswer.REFUSED
        latency, arrived = self.config.latency[role], self.clock.monotonic()
        await self._pass(latency / 2)
        if self._state.darkness(role) is not None:
            effect = in_the_dark(self._state, role, self._now(), seq)
            if isinstance(effect, Response):
                await self._pass(latency / 2)
            return effect
        decision = decide(Call(self._state, role, incoming, struck, seq, self._now()))
        if decision.applied:
            self._state.logged(seq, applied=True)
        if decision.effect is NoAnswer.SILENT:
            return decision.effect
        # Until the moment when the answer is due: what handling it took is part of the round trip, not on top of it.
        await self._pass(arrived + latency + decision.wait - self.clock.monotonic())
        darkened = self._state.darkness(role) is not None and decision.effect is not NoAnswer.RESET
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
            assert isinstance(fault.kind, faults.WorldFault)  # noqa: S101
            strike(self._state, fault.kind, role, then)
        self._state.settle(now)


def describe(effect: Effect) -> str:
    """An effect in a word or two, for the log."""
    match effect:
        case Response(status=status):
            return str(status)
        case Truncated(response=response):
            return f"truncated {response.status}"
        case NoAnswer():
            return effect.value
        case _:
            assert_never(effect)


_HTML = "text/html; charset=utf-8"
_STRING_FORM = (401, 429)

_Outcome = (
    faults.Silence
    | faults.AnswerLost
    | faults.AppliedLate
    | faults.ConnectionReset
    | faults.ClientError
    | faults.Redirect
    | faults.Throttle
    | faults.ServerError
    | faults.TruncatedBody
    | faults.WrongBody
)
"""The kinds that decide what the request comes to; of several that strike it, the first one does."""


class Decision(Struct, frozen=True):
    """What a request comes to."""

    effect: Effect
    applied: bool = False
    """The request changed the record."""
    wait: float = 0.0
    """Seconds until the effect is felt, besides the way back."""


def decide(call: Call) -> Decision:
    """What the request comes to; the pair's state is changed accordingly. The state must be settled."""
    kinds = [fault.kind for fault in call.faults]
    _change_the_world(call, after=False)
    if any(isinstance(kind, faults.RegionDark) for kind in kinds):
        return Decision(in_the_dark(call.state, call.role, call.now, call.seq))
    outcome = next((kind for kind in kinds if isinstance(kind, _Outcome)), None)
    decision = _come_to(call, outcome)
    _change_the_world(call, after=True)
    effect = decision.effect
    for kind in kinds:
        if isinstance(kind, faults.Drip) and isinstance(effect, Response):
            effect = Response(effect.status, effect.headers, effect.body, pace=kind.seconds)
    wait = sum(kind.seconds for kind in kinds if isinstance(kind, faults.Slow))
    return Decision(effect, decision.applied, wait)


def _come_to(call: Call, outcome: _Outcome | None) -> Decision:  # noqa: C901 - one case per kind
    match outcome:
        case None:
            return _served(call)
        case faults.ConnectionReset():
            return Decision(NoAnswer.RESET)
        case faults.Silence(applied=applied):
            return Decision(NoAnswer.SILENT, applied and _served(call).applied)
        case faults.AnswerLost():
            return Decision(NoAnswer.CLOSED, _served(call).applied)
        case faults.AppliedLate(seconds=seconds, status=status):
            return _apply_later(call, seconds, status)
        case faults.ClientError(status=status, detail=detail, applied=applied):
            return Decision(_client_error(call, status, detail), applied and _served(call).applied)
        case faults.Redirect(status=status, location=location, applied=applied):
            response = _html(status, {**_headers(call), "Location": location})
            return Decision(response, applied and _served(call).applied)
        case faults.Throttle(applied=applied):
            return Decision(_throttled(call, outcome), applied and _served(call).applied)
        case faults.ServerError(status=status, applied=applied):
            return Decision(_html(status, _headers(call)), applied and _served(call).applied)
        case faults.TruncatedBody():
            return _truncated(_served(call))
        case faults.WrongBody(body=body, content_type=content_type):
            applied = _served(call).applied
            raw = body.encode() if isinstance(body, str) else encode(body)
            return Decision(respond(200, raw, content_type, _headers(call)), applied)
        case _:
            assert_never(outcome)


def _served(call: Call) -> Decision:
    state, role = call.state, call.role
    stale = next((fault.kind for fault in call.faults if isinstance(fault.kind, faults.StaleRead)), None)
    if stale is not None and stale.seconds is None:
        shown = state.record_before(role)
    else:
        lag = state.config.read_lag if stale is None else stale.seconds or 0.0
        shown = state.record_at(role, call.now.monotonic - lag)
    if (behind := state.behind(role, call.now)) is not None:
        shown = behind.record
    response, applied = answer(replace(call, shown=shown), _headers(call))
    return Decision(response, applied)


def _apply_later(call: Call, seconds: float, status: int | None) -> Decision:
    if call.incoming.method == "POST" and call.incoming.path == RECORD_PATH:
        org = call.state.org(call.role)
        posted = read_post(call.incoming.body, org.uuid, call.state.config.accepts)
        if not isinstance(posted, WireError):
            call.state.write_later(call.role, posted, call.seq, call.now.monotonic + seconds)
    return Decision(NoAnswer.CLOSED if status is None else _html(status, _headers(call)))


def _html(status: int, headers: Mapping[str, str]) -> Response:
    """A page, as gateways and edges send it."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    page = f"<html><head><title>{status} {phrase}</title></head><body><h1>{phrase}</h1></body></html>"
    return respond(status, page.encode(), _HTML, headers)


def in_the_dark(state: PairState, role: Role, now: Moment, seq: int) -> Response | NoAnswer:
    """What a dark region, or the edge in front of it, does about a request that reached it."""
    darkness = state.darkness(role)
    if darkness is None:
        return NoAnswer.RESET
    answers = darkness.how.answers
    if answers is not None:
        headers = server_headers(state, role, now, f"edge-{role}-{seq:06d}")
        if darkness.how.page and state.config.edge_page:
            return _html(answers, headers)
        body = encode(error_strings(HTTPStatus(answers).phrase))
        return respond(answers, body, ERROR_TYPE, headers)
    return NoAnswer.SILENT if darkness.how.silent else NoAnswer.RESET


def _client_error(call: Call, status: int, detail: str) -> Response:
    phrase = HTTPStatus(status).phrase
    error = WireError(status, detail or phrase)
    body = error_strings(phrase) if status in _STRING_FORM else error_objects(error)
    return respond(status, encode(body), ERROR_TYPE, _headers(call))


def _throttled(call: Call, fault: faults.Throttle) -> Response:
    headers = _headers(call)
    if fault.reset is not None:
        headers |= Allowance(RateLimit(1, 60), False, 0, fault.reset).headers
    if fault.retry_after is not None:
        headers["Retry-After"] = fault.retry_after
    return respond(429, encode(error_strings("Too Many Requests")), ERROR_TYPE, headers)


def _truncated(served: Decision) -> Decision:
    effect = served.effect
    if isinstance(effect, Response):
        effect = Truncated(effect, len(effect.body) // 2)
    return Decision(effect, served.applied)


def _headers(call: Call) -> dict[str, str]:
    return server_headers(call.state, call.role, call.now, f"sim-{call.role}-{call.seq:06d}")


def _change_the_world(call: Call, *, after: bool) -> None:
    """What the request's faults do beside it: somebody writes, a region goes dark, metrics and monitors change."""
    for fault in call.faults:
        kind = fault.kind
        late = isinstance(kind, faults.ForeignWriter) and kind.after
        if isinstance(kind, faults.WorldFault) and late is after:
            strike(call.state, kind, fault.struck_role or call.role, call.now)


def strike(state: PairState, kind: faults.WorldFault, role: Role, now: Moment) -> None:
    """Bring about what needs no request. The state must be settled."""
    match kind:
        case faults.ReplicaBehind():
            state.fall_behind(role, now, versions=kind.versions, seconds=kind.seconds)
        case faults.ForeignWriter():
            state.foreign_write(role, kind.status, kind.modified_by, now)
        case faults.RegionDark():
            state.go_dark(role, now, kind)
        case faults.MetricShows():
            state.telemetry.set_metric(role, kind.query, kind.value, now.monotonic, kind.seconds)
        case faults.MonitorShows():
            state.telemetry.set_monitor(role, kind.number, kind.state, now.monotonic, kind.seconds)
        case _:
            assert_never(kind)
