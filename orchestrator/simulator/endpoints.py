"""What a healthy region answers: HAMR and the validations, and the table that finds every endpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import format_datetime
from types import MappingProxyType

from orchestrator.config.faults import RECORD_PATH
from orchestrator.model.plain import JSON
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role

from .call import Call, Endpoint, Handled, api_key, api_key_or_403, both_keys, nobody_asks, strings_both_keys
from .effects import Moment, Response
from .observed import (
    MONITOR_PATH,
    get_components,
    get_downtimes,
    get_health,
    get_monitor,
    get_query,
    post_event,
    search_monitors,
)
from .state import PairState
from .wire import RECORD_TYPE, WireError, encode, error_objects, error_strings, read_post, record_json


def answer(call: Call, headers: Mapping[str, str]) -> tuple[Response, bool]:
    """A healthy region's answer to one request, and whether it changed the record; every answer carries the headers."""
    allowance = None
    endpoint = endpoint_at(call.incoming.path)
    if endpoint is None:
        handled = Handled(404, error_strings("Not found"))
    elif call.incoming.method not in endpoint.methods:
        handled = Handled(405, error_strings("Method not allowed"))
    else:
        denied = endpoint.admit(call)
        if not denied and endpoint.limited:
            allowance = call.state.windows[call.role].take(call.now.monotonic)
        if denied:
            handled = denied
        elif allowance is not None and not allowance.allowed:
            handled = Handled(429, error_strings("Rate limit reached. Try again later."))
        else:
            handled = endpoint.methods[call.incoming.method](call)
    every = headers if allowance is None else {**headers, **allowance.headers}
    raw = handled.body.encode() if isinstance(handled.body, str) else encode(handled.body)
    return respond(handled.status, raw, handled.content_type, every), handled.applied


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


# -- HAMR and the keys --------------------------------------------------------------------------------------


def _get_hamr(call: Call) -> Handled:
    if call.shown is None:
        return Handled(404, error_objects(WireError(404, "the org has no HAMR connection")))
    return _record(call, call.shown)


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


ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        RECORD_PATH: Endpoint(both_keys, {"GET": _get_hamr, "POST": _post_hamr}),
        "/api/v2/validate": Endpoint(api_key, {"GET": _validate_v2}),
        "/api/v2/validate_keys": Endpoint(both_keys, {"GET": _validate_keys}),
        "/api/v1/validate": Endpoint(api_key_or_403, {"GET": _validate_v1}),
        "/api/v1/query": Endpoint(strings_both_keys, {"GET": get_query}, limited=False),
        "/api/v1/monitor/search": Endpoint(strings_both_keys, {"GET": search_monitors}, limited=False),
        MONITOR_PATH: Endpoint(strings_both_keys, {"GET": get_monitor}, limited=False),
        "/api/v2/downtime": Endpoint(strings_both_keys, {"GET": get_downtimes}, limited=False),
        "/api/v1/events": Endpoint(api_key, {"POST": post_event}, limited=False),
        "/api/v2/components.json": Endpoint(nobody_asks, {"GET": get_components}, limited=False),
        "/health": Endpoint(nobody_asks, {"GET": get_health}, limited=False),
    }
)


def endpoint_at(path: str) -> Endpoint | None:
    """The endpoint of a path; None where there is none."""
    folder, _, last = path.rpartition("/")
    if path not in ENDPOINTS and last and folder == MONITOR_PATH.rpartition("/")[0]:
        return ENDPOINTS[MONITOR_PATH]
    return None if "{" in path else ENDPOINTS.get(path)
