"""What a healthy region answers: who is let in, what each endpoint makes of a request, and the table that finds it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from email.utils import format_datetime
from types import MappingProxyType
from urllib.parse import parse_qs

from msgspec import Struct

from orchestrator.config.faults import NO_DATA, RECORD_PATH, Fault, MetricValue, Point, metric_value
from orchestrator.model.plain import JSON
from orchestrator.model.reading import HamrRecord
from orchestrator.model.status import Role, Status

from .config import Traffic
from .state import USUAL, PairState
from .wire import (
    ERROR_TYPE,
    RECORD_TYPE,
    Incoming,
    Moment,
    PostedEvent,
    Response,
    WireError,
    encode,
    error_objects,
    error_strings,
    read_event,
    read_post,
    record_json,
)

INTERVAL = 20
"""Seconds between two points of a metric, at least."""
MOST_POINTS = 300
"""Points of one answer: a longer window has a longer interval."""
MONITOR_PATH = "/api/v1/monitor/{id}"

_FED = (Status.FAILOVER, Status.ACTIVE)
_TEXT = "text/plain; charset=utf-8"
_NO_DOWNTIMES: JSON = {"data": [], "meta": {"page": {"total_filtered_count": 0}}}
_COMPONENTS = ("Web Application", "Metrics", "Logs", "APM", "Monitors", "Events")


class Call(Struct, frozen=True):
    """One request that has reached its org, the faults that strike it, in order, and the moment."""

    state: PairState
    role: Role
    incoming: Incoming
    faults: tuple[Fault, ...]
    seq: int
    """Its number in the log."""
    now: Moment
    shown: HamrRecord | None = None
    """The record that a GET shows: the present one, or a stale one."""

    @property
    def region_time(self) -> float:
        """The time by the region's own clock, in seconds since 1970."""
        return self.now.wall.timestamp() + self.state.config.skew[self.role]


class Handled(Struct, frozen=True):
    """An endpoint's answer: status, body, and whether the org's record was changed."""

    status: int
    body: JSON
    """A text goes out as it stands, anything else as JSON."""
    applied: bool = False
    content_type: str = ERROR_TYPE


class Endpoint(Struct, frozen=True):
    """Who is let in, and what each method does."""

    admit: Callable[[Call], Handled | None] | None
    """Gives None where the caller may go on, else the refusal; None where everybody is let in."""
    methods: Mapping[str, Callable[[Call], Handled]]
    limited: bool = True
    """Whether the pair's rate limit counts it."""


def both_keys(call: Call) -> Handled | None:
    """Both keys of this org; refused as HAMR's own endpoint does."""
    denied = strings_both_keys(call)
    if denied is not None and denied.status == 403:  # noqa: PLR2004 - Forbidden
        # A key of another site looks just like one that nobody knows.
        return Handled(403, error_objects(WireError(403, "the keys are not known here")))
    return denied


def strings_both_keys(call: Call) -> Handled | None:
    """Both keys of this org; refused as the first version of the API does."""
    api_key = call.incoming.headers.get("dd-api-key", "")
    app_key = call.incoming.headers.get("dd-application-key", "")
    if not api_key or not app_key:
        return Handled(401, error_strings("Unauthorized"))
    org = call.state.org(call.role)
    known = (api_key, app_key) == (org.api_key, org.app_key)
    return None if known else Handled(403, error_strings("Forbidden"))


def api_key(call: Call) -> Handled | None:
    """This org's API key alone."""
    key = call.incoming.headers.get("dd-api-key", "")
    if not key:
        return Handled(401, error_strings("Unauthorized"))
    return None if key == call.state.org(call.role).api_key else Handled(403, error_strings("Forbidden"))


def api_key_or_403(call: Call) -> Handled | None:
    """This org's API key alone; a missing one is refused like a wrong one."""
    return Handled(403, error_strings("Forbidden")) if api_key(call) else None


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


def _always(body: JSON, content_type: str = ERROR_TYPE) -> Callable[[Call], Handled]:
    """The same answer to every request."""
    return lambda _: Handled(200, body, content_type=content_type)


# -- metrics -------------------------------------------------------------------------------------------------


def _get_query(call: Call) -> Handled:
    """`GET /api/v1/query`: one series, or none where there is no data. Seconds in, milliseconds out [doc]."""
    given = parse_qs(call.incoming.query, keep_blank_values=True)
    query = given.get("query", [""])[0]
    start, end = (_whole(given.get(name, [""])[0]) for name in ("from", "to"))
    if not query.strip():
        return _refused("query is required")
    if start is None or end is None:
        return _refused("from and to are required, in seconds since 1970")
    if start >= end:
        return _refused("from must be earlier than to")
    points = _points(call, query, start, end)
    answer: dict[str, JSON] = {
        "status": "ok",
        "res_type": "time_series",
        "query": query,
        "from_date": start * 1000,
        "to_date": end * 1000,
        "group_by": [],
        "series": [_series(query, points)] if points else [],
    }
    return Handled(200, answer)


def _series(query: str, points: list[tuple[float, Point]]) -> JSON:
    inside = re.search(r"\{(.*?)\}", query)
    pointlist: list[JSON] = [[at * 1000, value] for at, value in points]
    return {
        "scope": inside[1] if inside else "*",
        "expression": query,
        "metric": re.sub(r"^\w+:|\{.*", "", query),
        "display_name": query,
        "start": int(points[0][0] * 1000),
        "end": int(points[-1][0] * 1000),
        "length": len(points),
        "pointlist": pointlist,
    }


def _points(call: Call, query: str, start: int, end: int) -> list[tuple[float, Point]]:
    """The points of the window that lie in the past, the oldest first; [] where there is no data."""
    last = min(end, math.floor(call.region_time))
    if last <= start:
        return []
    present = _value(call, query, last)
    moments = _moments(start, last)
    match present:
        case str():
            return []  # Nobody reports now. Points that came before would be taken for an answer for minutes.
        case None:
            return [(float(at), None) for at in moments]
        case list() | tuple():
            step = (last - start) / len(present)
            return [(last - step * back, each) for back, each in reversed(list(enumerate(reversed(present))))]
        case _:
            past = ((float(at), _value(call, query, at)) for at in moments)
            return [(at, value) for at, value in past if isinstance(value, float)]


def _moments(start: int, last: int) -> Iterator[int]:
    """The times of the points: the last one at the end of the window, the others so far apart before it."""
    interval = max(INTERVAL, math.ceil((last - start) / MOST_POINTS))
    first = last - (last - start) // interval * interval
    return iter(range(first, last + 1, interval))


def _value(call: Call, query: str, at: int) -> MetricValue:
    """What the query shows at a second of the region's clock: at its end, or now where it has not ended yet."""
    age = max(0.0, call.region_time - (at + 1))
    monotonic = call.now.monotonic - age
    value = call.state.telemetry.metric(call.role, query, monotonic)
    return _usual(call, monotonic) if value is USUAL else value


def _usual(call: Call, monotonic: float) -> MetricValue:
    """What a query shows that nobody has set."""
    config = call.state.config
    if config.traffic is Traffic.FOLLOWS and call.role is Role.SECONDARY:
        record = call.state.record_at(call.role, monotonic - config.traffic_lag)
        if record is None or record.status not in _FED:
            return NO_DATA
    return metric_value(config.metric)


# -- monitors ------------------------------------------------------------------------------------------------


def _get_monitor(call: Call) -> Handled:
    """`GET /api/v1/monitor/{id}`; an id that nobody has set is a healthy monitor."""
    number = _whole(call.incoming.path.rsplit("/", 1)[1])
    if number is None:
        return _refused("the monitor's id must be a number")
    state = call.state.telemetry.monitor(call.role, number, call.now.monotonic)
    if state is None:
        return Handled(404, error_strings("Monitor not found"))
    query = "avg(last_5m):avg:simulated.metric{*} > 1"
    more: dict[str, JSON] = {"query": query, "message": "", "options": {}, "overall_state": state}
    return Handled(200, {**_monitor(number), **more})


def _monitor(number: int) -> dict[str, JSON]:
    return {"id": number, "name": f"Simulated monitor {number}", "type": "metric alert", "tags": []}


def _search_monitors(call: Call) -> Handled:
    """`GET /api/v1/monitor/search`: every monitor that somebody has set, whatever is searched for."""
    states = call.state.telemetry.monitors(call.role, call.now.monotonic)
    counted: list[JSON] = [
        {"name": name, "count": count} for name, count in sorted(Counter(states.values()).items())
    ]
    found: list[JSON] = [{**_monitor(number), "status": state} for number, state in states.items()]
    return Handled(
        200,
        {
            "counts": {"status": counted, "muted": [], "tag": [], "type": []},
            "metadata": {"page": 0, "page_count": 1, "per_page": 30, "total_count": len(found)},
            "monitors": found,
        },
    )


# -- events --------------------------------------------------------------------------------------------------


def _post_event(call: Call) -> Handled:
    """`POST /api/v1/events`: the org keeps it."""
    kept = call.state.events[call.role]
    event = read_event(call.incoming.body, len(kept) + 1, call.now.wall)
    if isinstance(event, WireError):
        return _refused(event.detail)
    kept.append(event)
    return Handled(202, {"status": "ok", "event": _event(event, call.region_time)})


def _event(event: PostedEvent, region_time: float) -> JSON:
    return {
        "id": event.number,
        "id_str": str(event.number),
        "title": event.title,
        "text": event.text,
        "tags": list(event.tags),
        "alert_type": event.alert_type,
        "date_happened": math.floor(region_time),
        "url": f"https://app.datadoghq.com/event/event?id={event.number}",
    }


# -- pages ---------------------------------------------------------------------------------------------------


def _get_components(call: Call) -> Handled:
    """`GET /api/v2/components.json`, as a status page has it: everything is operational, whatever the API does."""
    datacenter = call.state.org(call.role).datacenter
    components: list[JSON] = [
        {"id": f"{datacenter}-{number}", "name": name, "status": "operational", "position": number}
        for number, name in enumerate(_COMPONENTS, 1)
    ]
    page: JSON = {"id": datacenter, "name": f"Simulated {datacenter}", "time_zone": "Etc/UTC"}
    return Handled(200, {"page": page, "components": components})


def _refused(detail: str) -> Handled:
    return Handled(400, error_strings(detail))


def _whole(text: str) -> int | None:
    """A whole number as a client writes it; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


# -- the table -----------------------------------------------------------------------------------------------


ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        RECORD_PATH: Endpoint(both_keys, {"GET": _get_hamr, "POST": _post_hamr}),
        "/api/v2/validate": Endpoint(api_key, {"GET": _validate_v2}),
        "/api/v2/validate_keys": Endpoint(both_keys, {"GET": _always({"status": "ok"})}),
        "/api/v1/validate": Endpoint(api_key_or_403, {"GET": _always({"valid": True})}),
        "/api/v1/query": Endpoint(strings_both_keys, {"GET": _get_query}, limited=False),
        "/api/v1/monitor/search": Endpoint(strings_both_keys, {"GET": _search_monitors}, limited=False),
        MONITOR_PATH: Endpoint(strings_both_keys, {"GET": _get_monitor}, limited=False),
        "/api/v2/downtime": Endpoint(strings_both_keys, {"GET": _always(_NO_DOWNTIMES)}, limited=False),
        "/api/v1/events": Endpoint(api_key, {"POST": _post_event}, limited=False),
        "/api/v2/components.json": Endpoint(None, {"GET": _get_components}, limited=False),
        # A page of one word, for an http probe to ask for.
        "/health": Endpoint(None, {"GET": _always("ok\n", _TEXT)}, limited=False),
    }
)


def endpoint_at(path: str) -> Endpoint | None:
    """The endpoint of a path; None where there is none."""
    folder, _, last = path.rpartition("/")
    if path not in ENDPOINTS and last and folder == MONITOR_PATH.rpartition("/")[0]:
        return ENDPOINTS[MONITOR_PATH]
    return None if "{" in path else ENDPOINTS.get(path)


def answer(call: Call, headers: Mapping[str, str]) -> tuple[Response, bool]:
    """A healthy region's answer to one request, and whether it changed the record; every answer carries the headers."""
    allowance = None
    endpoint = endpoint_at(call.incoming.path)
    if endpoint is None:
        handled = Handled(404, error_strings("Not found"))
    elif call.incoming.method not in endpoint.methods:
        handled = Handled(405, error_strings("Method not allowed"))
    else:
        denied = endpoint.admit(call) if endpoint.admit else None
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
