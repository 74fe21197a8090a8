"""What a healthy region answers: one function per endpoint, and the table that finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from types import MappingProxyType

from orchestrator.model.plain import JSON
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role

from .effects import Incoming, Moment, Response
from .faults import HAMR_PATH
from .state import PairState
from .wire import (
    ERROR_TYPE,
    RECORD_TYPE,
    WireError,
    encode,
    error_objects,
    error_strings,
    read_post,
    record_json,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one org of one pair, at a moment."""

    state: PairState
    role: Role
    incoming: Incoming
    now: Moment
    show: Callable[[], HamrRecord | None]
    """The record that a GET shows: the present one, or a stale one."""


@dataclass(frozen=True, slots=True)
class Handled:
    """An endpoint's answer: status, body, and whether the org's record was changed."""

    status: int
    body: JSON
    applied: bool = False
    content_type: str = ERROR_TYPE


def answer(call: Call, headers: Mapping[str, str]) -> tuple[Response, bool]:
    """A healthy region's answer to one request, and whether the request changed the record.

    Args:
        call: the request, and what it is about.
        headers: headers that every answer of this region carries.
    """
    allowance = None
    endpoint = ENDPOINTS.get(call.incoming.path)
    if endpoint is None:
        handled = Handled(404, error_strings("Not found"))
    elif call.incoming.method not in endpoint.methods:
        handled = Handled(405, error_strings("Method not allowed"))
    else:
        denied = endpoint.admit(call)
        allowance = None if denied else call.state.windows[call.role].take(call.now.monotonic)
        if denied:
            handled = denied
        elif allowance is not None and not allowance.allowed:
            handled = Handled(429, error_strings("Rate limit reached. Try again later."))
        else:
            handled = endpoint.methods[call.incoming.method](call)
    every = headers if allowance is None else {**headers, **allowance.headers}
    return respond(handled.status, encode(handled.body), handled.content_type, every), handled.applied


def respond(status: int, body: bytes, content_type: str, headers: Mapping[str, str]) -> Response:
    """A response with its headers."""
    return Response(
        status,
        (("Content-Type", content_type), ("Content-Length", str(len(body))), *headers.items()),
        body,
    )


def server_headers(state: PairState, role: Role, now: Moment, request_id: str) -> dict[str, str]:
    """What every answer of a region carries: its own clock's `Date`, to the second, and the request's id."""
    skewed = now.wall.timestamp() + state.config.skew[role]
    return {
        "Date": format_datetime(now.wall.fromtimestamp(math.floor(skewed), now.wall.tzinfo), usegmt=True),
        "X-Request-Id": request_id,
    }


# -- who may ask ---------------------------------------------------------------------------------------------


def _both_keys(call: Call) -> Handled | None:
    api_key = call.incoming.headers.get("dd-api-key", "")
    app_key = call.incoming.headers.get("dd-application-key", "")
    if not api_key or not app_key:
        return Handled(401, error_strings("Unauthorized"))
    org = call.state.org(call.role)
    if (api_key, app_key) != (org.api_key, org.app_key):
        # A key of another site looks just like one that nobody knows.
        return Handled(403, error_objects(WireError(403, "the keys are not known here")))
    return None


def _api_key(call: Call) -> Handled | None:
    api_key = call.incoming.headers.get("dd-api-key", "")
    if not api_key:
        return Handled(401, error_strings("Unauthorized"))
    return None if api_key == call.state.org(call.role).api_key else Handled(403, error_strings("Forbidden"))


def _api_key_or_403(call: Call) -> Handled | None:
    return Handled(403, error_strings("Forbidden")) if _api_key(call) else None


# -- what they get -------------------------------------------------------------------------------------------


def _get_hamr(call: Call) -> Handled:
    record = call.show()
    if record is None:
        return Handled(404, error_objects(WireError(404, "the org has no HAMR connection")))
    return _record(call, record)


def _post_hamr(call: Call) -> Handled:
    posted = read_post(call.incoming.body, call.state.org(call.role).uuid, call.state.config.accepts)
    if isinstance(posted, WireError):
        return Handled(posted.status, error_objects(posted))
    refusal = call.state.refusal(call.role, posted)
    if refusal is not None:
        pointer, detail = refusal
        return Handled(400, error_objects(WireError(400, detail, f"/data/attributes/{pointer}")))
    return _record(call, call.state.write(call.role, posted, call.now), applied=True)


def _record(call: Call, record: HamrRecord, *, applied: bool = False) -> Handled:
    body = record_json(record, whole_seconds=call.state.config.whole_seconds)
    return Handled(200, body, applied, RECORD_TYPE)


def _validate_v2(call: Call) -> Handled:
    attributes: JSON = {"valid": True, "api_key_id": f"key-of-{call.role}", "api_key_scopes": []}
    return Handled(
        200,
        {"data": {"id": call.state.org(call.role).uuid, "type": "validate_v2", "attributes": attributes}},
    )


def _validate_keys(_call: Call) -> Handled:
    return Handled(200, {"status": "ok"})


def _validate_v1(_call: Call) -> Handled:
    return Handled(200, {"valid": True})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who is let in, and what each method does."""

    admit: Callable[[Call], Handled | None]
    """None where the caller may go on, else the refusal."""
    methods: Mapping[str, Callable[[Call], Handled]]


ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        HAMR_PATH: Endpoint(_both_keys, {"GET": _get_hamr, "POST": _post_hamr}),
        "/api/v2/validate": Endpoint(_api_key, {"GET": _validate_v2}),
        "/api/v2/validate_keys": Endpoint(_both_keys, {"GET": _validate_keys}),
        "/api/v1/validate": Endpoint(_api_key_or_403, {"GET": _validate_v1}),
    }
)
