"""Asking an org, with its own keys and by GET alone, for a metric or a monitor."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from http import HTTPStatus
from typing import assert_never
from urllib.parse import urlencode

from orchestrator.errors import KeyUnavailable
from orchestrator.model.guard import Measured, Metric, Monitor, Take, Unmeasured
from orchestrator.model.plain import JSON
from orchestrator.model.words import counted, span, utc

from .answers import DENIALS, NoBody, body_of, excerpt, retry_after
from .client import Call, OrgClient
from .transport import Exchanged

_RIGHTS = {Metric: "timeseries_query", Monitor: "monitors_read"}
"""What the application key must be allowed to [doc]."""


async def ask_org(kind: Metric | Monitor, client: OrgClient, within: float) -> Measured | Unmeasured:
    """What the org says of a metric or a monitor, within so many seconds, fetching keys included."""
    path = metric_path(kind, client.clock.now()) if isinstance(kind, Metric) else f"/api/v1/monitor/{kind.id}"
    try:
        exchanged = await client.ask(Call("GET", path), within)
    except KeyUnavailable as error:
        return Unmeasured(client.reason(error))
    refusal = _refusal(kind, exchanged, client)
    if refusal:
        return Unmeasured(refusal)
    body = body_of(exchanged, client.redactor)
    if isinstance(body, NoBody):
        return Unmeasured(f"the answer can't be used: {body.reason}")
    return metric_sight(kind, body) if isinstance(kind, Metric) else monitor_sight(kind, body)


def _refusal(kind: Metric | Monitor, exchanged: Exchanged, client: OrgClient) -> str:
    """Why an exchange says nothing of what was asked; "" where its body may."""
    status = exchanged.status
    if status is None:
        return exchanged.failure
    if status in DENIALS:
        return f"{status}: the keys lack a right ({_RIGHTS[type(kind)]}) or belong to another site"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(exchanged.headers, client.clock.now())
        when = "later; the API does not say when" if wait is None else f"in {span(wait)}"
        return f"429: asked too often; try again {when}"
    if status == HTTPStatus.NOT_FOUND and isinstance(kind, Monitor):
        return f"404: {client.org} has no monitor {kind.id}"
    if status != HTTPStatus.OK:
        words = excerpt(exchanged.body, client.redactor)
        return f"{status}: {words}" if words else f"the answer was a bare {status}"
    if exchanged.failure:
        return f"the answer broke off: {exchanged.failure}"
    return exchanged.refused


Point = tuple[float, float]
"""(milliseconds since 1970, value)"""


def metric_path(metric: Metric, now: datetime) -> str:
    """Path and query of the request: times go in as whole seconds since 1970, and come back in milliseconds [doc]."""
    end = math.floor(now.timestamp())
    window = {"from": end - math.ceil(metric.over.total_seconds()), "to": end, "query": metric.query}
    return f"/api/v1/query?{urlencode(window)}"


def metric_sight(metric: Metric, body: JSON) -> Measured | Unmeasured:
    """What an answer of status 200 says. No data is unknown, never zero."""
    if not isinstance(body, dict):
        return _strange("it is no object")
    status, error = body.get("status"), body.get("error")
    if status != "ok" or error:
        words = error if isinstance(error, str) and error else f"its status is {status!r}"
        return Unmeasured(f"the query failed: {words}")
    series = body.get("series")
    if not isinstance(series, list):
        return _strange("it has no list of series")
    if len(series) > 1:
        return Unmeasured(
            f"{len(series)} series answered, and a probe needs one: aggregate them in the query, as in sum:…{{*}}"
        )
    points = _points(series[0]) if series else []
    if isinstance(points, str):
        return _strange(points)
    if not points:
        return Unmeasured(f"no data in the last {span(metric.over)}", no_data=True)
    return _taken(metric.take, points)


def _points(series: JSON) -> list[Point] | str:
    """The points that have a value; or, in words, why they can't be read."""
    listed = series.get("pointlist") if isinstance(series, dict) else None
    if not isinstance(listed, list):
        return "its series has no list of points"
    points: list[Point] = []
    for point in listed:
        match point:
            case [bool(), _] | [_, bool()]:
                return "one of its points is no pair of numbers"
            case [int() | float(), None]:
                continue
            case [int() | float() as at, int() | float() as value]:
                points.append((_float(at), _float(value)))
            case _:
                return "one of its points is no pair of numbers"
    return points


def _taken(take: Take, points: list[Point]) -> Measured | Unmeasured:
    values = [value for _, value in points]
    many = counted(len(points), "point")
    match take:
        case Take.LAST:
            at, value = max(points, key=lambda point: point[0])
            try:
                detail = f"at {utc(datetime.fromtimestamp(at / 1000, UTC))}"
            except (ValueError, OverflowError, OSError):
                return _strange("the time of its last point can't be read")
        case Take.AVERAGE:
            # Divided first: a sum may be too large where the average is not.
            value, detail = sum(value / len(values) for value in values), f"the average of {many}"
        case Take.LEAST:
            value, detail = min(values), f"the least of {many}"
        case Take.MOST:
            value, detail = max(values), f"the most of {many}"
        case _:
            assert_never(take)
    if not all(map(math.isfinite, values)) or not math.isfinite(value):
        return Unmeasured("the metric has a value that is no finite number")
    return Measured(value, detail=detail)


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer of hundreds of digits
        return math.inf


def _strange(why: str) -> Unmeasured:
    return Unmeasured(f"the answer is not that of a metric query: {why}")


def monitor_sight(monitor: Monitor, body: JSON) -> Measured | Unmeasured:
    """What an answer of status 200 says: Alert, Ignored, No Data, OK, Skipped, Unknown or Warn [doc], as it stands."""
    state = body.get("overall_state") if isinstance(body, dict) else None
    if not isinstance(state, str) or not state:
        return Unmeasured(f"the answer does not say in which state monitor {monitor.id} is")
    name = body.get("name") if isinstance(body, dict) else None
    return Measured(
        state, detail=f"monitor {monitor.id}" + (f", {name}" if isinstance(name, str) and name else "")
    )
