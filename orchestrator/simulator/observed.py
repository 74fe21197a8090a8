"""The endpoints that look beyond the record: metrics, monitors, downtimes, events, and a status page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qs

from orchestrator.config.faults import NO_DATA, MetricValue, Point, metric_value
from orchestrator.model.plain import JSON
from orchestrator.model.status import Role, Status

from .call import Call, Handled
from .config import Traffic
from .telemetry import USUAL
from .wire import PostedEvent, WireError, error_strings, read_event

INTERVAL = 20
"""Seconds between two points of a metric, at least."""
MOST_POINTS = 300
"""Points of one answer: a longer window has a longer interval."""
MONITOR_PATH = "/api/v1/monitor/{id}"

_FED = (Status.FAILOVER, Status.ACTIVE)
_TEXT = "text/plain; charset=utf-8"
_COMPONENTS = ("Web Application", "Metrics", "Logs", "APM", "Monitors", "Events")


# -- metrics -------------------------------------------------------------------------------------------------


def get_query(call: Call) -> Handled:
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
            past = ((float(at), _number(_value(call, query, at))) for at in moments)
            return [(at, value) for at, value in past if value is not None]


def _number(value: MetricValue) -> float | None:
    """What one point of the past shows, beside a number in the present: a number, or nothing."""
    return value if isinstance(value, float) else None


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


def get_monitor(call: Call) -> Handled:
    """`GET /api/v1/monitor/{id}`; an id that nobody has set is a healthy monitor."""
    number = _whole(call.incoming.path.rsplit("/", 1)[1])
    if number is None:
        return _refused("the monitor's id must be a number")
    state = call.state.telemetry.monitor(call.role, number, call.now.monotonic)
    if state is None:
        return Handled(404, error_strings("Monitor not found"))
    return Handled(
        200,
        {
            "id": number,
            "name": f"Simulated monitor {number}",
            "type": "metric alert",
            "query": "avg(last_5m):avg:simulated.metric{*} > 1",
            "message": "",
            "tags": [],
            "options": {},
            "overall_state": state,
        },
    )


def search_monitors(call: Call) -> Handled:
    """`GET /api/v1/monitor/search`: every monitor that somebody has set, whatever is searched for."""
    states = call.state.telemetry.monitors(call.role, call.now.monotonic)
    counted: list[JSON] = [
        {"name": name, "count": count} for name, count in sorted(Counter(states.values()).items())
    ]
    found: list[JSON] = [
        {
            "id": number,
            "name": f"Simulated monitor {number}",
            "status": state,
            "type": "metric alert",
            "tags": [],
        }
        for number, state in states.items()
    ]
    return Handled(
        200,
        {
            "counts": {"status": counted, "muted": [], "tag": [], "type": []},
            "metadata": {"page": 0, "page_count": 1, "per_page": 30, "total_count": len(found)},
            "monitors": found,
        },
    )


def get_downtimes(_call: Call) -> Handled:
    """`GET /api/v2/downtime`: there is none."""
    return Handled(200, {"data": [], "meta": {"page": {"total_filtered_count": 0}}})


# -- events --------------------------------------------------------------------------------------------------


def post_event(call: Call) -> Handled:
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


def get_components(call: Call) -> Handled:
    """`GET /api/v2/components.json`, as a status page has it: everything is operational, whatever the API does."""
    datacenter = call.state.org(call.role).datacenter
    components: list[JSON] = [
        {"id": f"{datacenter}-{number}", "name": name, "status": "operational", "position": number}
        for number, name in enumerate(_COMPONENTS, 1)
    ]
    page: JSON = {"id": datacenter, "name": f"Simulated {datacenter}", "time_zone": "Etc/UTC"}
    return Handled(200, {"page": page, "components": components})


def get_health(_call: Call) -> Handled:
    """`GET /health`: a page of one word, for an http probe to ask for."""
    return Handled(200, "ok\n", content_type=_TEXT)


def _refused(detail: str) -> Handled:
    return Handled(400, error_strings(detail))


def _whole(text: str) -> int | None:
    """A whole number as a client writes it; None for anything else."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
