"""One region's decision about one request: the request and the faults that strike it go in, an effect comes out.

Nothing here waits: how long the answer takes is part of the decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.config import faults
from orchestrator.config.faults import RECORD_PATH
from orchestrator.model.status import Role

from .config import RateLimit
from .effects import Closed, Effect, Moment, Refused, Reset, Response, Silent, Truncated
from .endpoints import Call, answer, respond, server_headers
from .state import Allowance, PairState
from .wire import ERROR_TYPE, WireError, encode, error_objects, error_strings, read_post

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
    state, kinds = call.state, [fault.kind for fault in call.faults]
    _change_the_world(call, after=False)
    if any(isinstance(kind, faults.ConnectionRefused) for kind in kinds):
        return Decision(Refused())
    for kind in kinds:
        if isinstance(kind, faults.RegionDark):
            strike(state, kind, call.role, call.now)
            return Decision(in_the_dark(state, call.role, call.now, call.seq))
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
            return Decision(Reset())
        case faults.Silence(applied=applied):
            return Decision(Silent(), applied and _served(call).applied)
        case faults.AnswerLost():
            return Decision(Closed(), _served(call).applied)
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
    return Decision(Closed() if status is None else _html(status, _headers(call)))


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
    answers = darkness.how.answers
    if answers is not None:
        headers = server_headers(state, role, now, f"edge-{role}-{seq:06d}")
        if darkness.how.page and state.config.edge_page:
            return _html(answers, headers)
        body = encode(error_strings(HTTPStatus(answers).phrase))
        return respond(answers, body, ERROR_TYPE, headers)
    return Silent() if darkness.how.silent else Reset()


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
    """What the request's faults do beside it: somebody writes, and metrics and monitors change."""
    for fault in call.faults:
        kind = fault.kind
        if isinstance(
            kind, faults.ReplicaBehind | faults.ForeignWriter | faults.MetricShows | faults.MonitorShows
        ):
            late = isinstance(kind, faults.ForeignWriter) and kind.after
            if late is after:
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
