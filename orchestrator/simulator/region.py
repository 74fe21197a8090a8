"""One region's decision about one request: the request and the faults that strike it go in, an effect comes out.

Nothing here waits: how long the answer takes is part of the decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import assert_never

from msgspec import Struct

from orchestrator.config.faults import (
    RECORD_PATH,
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    Fault,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    Redirect,
    RegionDark,
    ReplicaBehind,
    ServerError,
    Silence,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WorldFault,
    WrongBody,
)
from orchestrator.model.status import Role

from .call import Call
from .config import RateLimit
from .effects import Closed, Effect, Incoming, Moment, Refused, Reset, Response, Silent, Truncated
from .endpoints import answer, respond, server_headers
from .state import Allowance, PairState
from .wire import ERROR_TYPE, WireError, encode, error_objects, error_strings, read_post

_HTML = "text/html; charset=utf-8"
_STRING_FORM = (401, 429)

_Outcome = (
    Silence
    | AnswerLost
    | AppliedLate
    | ConnectionReset
    | ClientError
    | Redirect
    | Throttle
    | ServerError
    | TruncatedBody
    | WrongBody
)
"""The kinds that decide what the request comes to; of several that strike it, the first one does."""


class Decision(Struct, frozen=True):
    """What a request comes to."""

    effect: Effect
    applied: bool = False
    """The request changed the record."""
    wait: float = 0.0
    """Seconds until the effect is felt, besides the way back."""


class Case(Struct, frozen=True):
    """One request that has reached its region, and the faults that strike it, in order."""

    state: PairState
    role: Role
    incoming: Incoming
    faults: tuple[Fault, ...]
    seq: int
    """Its number in the log."""
    now: Moment


def decide(case: Case) -> Decision:
    """What the request comes to; the pair's state is changed accordingly. The state must be settled."""
    state, kinds = case.state, [fault.kind for fault in case.faults]
    _change_the_world(case, after=False)
    if any(isinstance(kind, ConnectionRefused) for kind in kinds):
        return Decision(Refused())
    for kind in kinds:
        if isinstance(kind, RegionDark):
            strike(state, kind, case.role, case.now)
            return Decision(in_the_dark(state, case.role, case.now, case.seq))
    outcome = next((kind for kind in kinds if isinstance(kind, _Outcome)), None)
    decision = _come_to(case, outcome)
    _change_the_world(case, after=True)
    effect = decision.effect
    for kind in kinds:
        if isinstance(kind, Drip) and isinstance(effect, Response):
            effect = Response(effect.status, effect.headers, effect.body, pace=kind.seconds)
    wait = sum(kind.seconds for kind in kinds if isinstance(kind, Slow))
    return Decision(effect, decision.applied, wait)


def _come_to(case: Case, outcome: _Outcome | None) -> Decision:  # noqa: C901 - one case per kind
    match outcome:
        case None:
            return _served(case)
        case ConnectionReset():
            return Decision(Reset())
        case Silence(applied=applied):
            return Decision(Silent(), applied and _served(case).applied)
        case AnswerLost():
            return Decision(Closed(), _served(case).applied)
        case AppliedLate(seconds=seconds, status=status):
            return _apply_later(case, seconds, status)
        case ClientError(status=status, detail=detail, applied=applied):
            return Decision(_client_error(case, status, detail), applied and _served(case).applied)
        case Redirect(status=status, location=location, applied=applied):
            response = _html(status, {**_headers(case), "Location": location})
            return Decision(response, applied and _served(case).applied)
        case Throttle(applied=applied):
            return Decision(_throttled(case, outcome), applied and _served(case).applied)
        case ServerError(status=status, applied=applied):
            return Decision(_html(status, _headers(case)), applied and _served(case).applied)
        case TruncatedBody():
            return _truncated(_served(case))
        case WrongBody(body=body, content_type=content_type):
            applied = _served(case).applied
            raw = body.encode() if isinstance(body, str) else encode(body)
            return Decision(respond(200, raw, content_type, _headers(case)), applied)
        case _:
            assert_never(outcome)


def _served(case: Case) -> Decision:
    state, role = case.state, case.role
    stale = next((fault.kind for fault in case.faults if isinstance(fault.kind, StaleRead)), None)
    if stale is not None and stale.seconds is None:
        shown = state.record_before(role)
    else:
        lag = state.config.read_lag if stale is None else stale.seconds or 0.0
        shown = state.record_at(role, case.now.monotonic - lag)
    if (behind := state.behind(role, case.now)) is not None:
        shown = behind.record
    response, applied = answer(Call(state, role, case.incoming, case.now, shown), _headers(case))
    return Decision(response, applied)


def _apply_later(case: Case, seconds: float, status: int | None) -> Decision:
    if case.incoming.method == "POST" and case.incoming.path == RECORD_PATH:
        org = case.state.org(case.role)
        posted = read_post(case.incoming.body, org.uuid, case.state.config.accepts)
        if not isinstance(posted, WireError):
            case.state.write_later(case.role, posted, case.seq, case.now.monotonic + seconds)
    return Decision(Closed() if status is None else _html(status, _headers(case)))


def _html(status: int, headers: Mapping[str, str]) -> Response:
    """A page, as gateways and edges send it."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    page = f"<html><head><title>{status} {phrase}</title></head><body><h1>{phrase}</h1></body></html>"
    return respond(status, page.encode(), _HTML, headers)


def in_the_dark(state: PairState, role: Role, now: Moment, seq: int) -> Response | Silent | Reset:
    """What a dark region, or the edge in front of it, does about a request that reached it."""
    darkness = state.darkness(role)
    if darkness is None:
        return Reset()
    if darkness.answers is not None:
        headers = server_headers(state, role, now, f"edge-{role}-{seq:06d}")
        if darkness.page and state.config.edge_page:
            return _html(darkness.answers, headers)
        body = encode(error_strings(HTTPStatus(darkness.answers).phrase))
        return respond(darkness.answers, body, ERROR_TYPE, headers)
    return Silent() if darkness.silent else Reset()


def _client_error(case: Case, status: int, detail: str) -> Response:
    phrase = HTTPStatus(status).phrase
    error = WireError(status, detail or phrase)
    body = error_strings(phrase) if status in _STRING_FORM else error_objects(error)
    return respond(status, encode(body), ERROR_TYPE, _headers(case))


def _throttled(case: Case, fault: Throttle) -> Response:
    headers = _headers(case)
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


def _headers(case: Case) -> dict[str, str]:
    return server_headers(case.state, case.role, case.now, f"sim-{case.role}-{case.seq:06d}")


def _change_the_world(case: Case, *, after: bool) -> None:
    """What the request's faults do beside it: somebody writes, and metrics and monitors change."""
    for fault in case.faults:
        kind = fault.kind
        if isinstance(kind, ReplicaBehind | ForeignWriter | MetricShows | MonitorShows):
            late = isinstance(kind, ForeignWriter) and kind.after
            if late is after:
                strike(case.state, kind, fault.struck_role or case.role, case.now)


def strike(state: PairState, kind: WorldFault, role: Role, now: Moment) -> None:
    """Bring about what needs no request. The state must be settled."""
    match kind:
        case ReplicaBehind():
            state.fall_behind(role, now, versions=kind.versions, seconds=kind.seconds)
        case ForeignWriter():
            state.foreign_write(role, kind.status, kind.modified_by, now)
        case RegionDark():
            state.go_dark(
                role, now, seconds=kind.seconds, silent=kind.silent, answers=kind.answers, page=kind.page
            )
        case MetricShows():
            state.telemetry.set_metric(role, kind.query, kind.value, now.monotonic, kind.seconds)
        case MonitorShows():
            state.telemetry.set_monitor(role, kind.number, kind.state, now.monotonic, kind.seconds)
        case _:
            assert_never(kind)
