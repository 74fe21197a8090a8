"""A metric query's path, and what its answer means: `GET /api/v1/query` [doc]. Pure.

Exactly one series counts. Which of several would decide is nobody's to guess, so several read as unknown: a query
that aggregates ("sum:…{*}", without "by") gives one.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import assert_never
from urllib.parse import urlencode

from orchestrator.model.plain import JSON
from orchestrator.model.probe import Measured, Metric, Take, Unmeasured
from orchestrator.model.words import counted, span

Point = tuple[float, float]
"""(milliseconds since 1970, value)"""


def path_of(metric: Metric, now: datetime) -> str:
    """Path and query of the request: times go in as whole seconds since 1970, and come back in milliseconds [doc]."""
    end = math.floor(now.timestamp())
    window = {"from": end - math.ceil(metric.over.total_seconds()), "to": end, "query": metric.query}
    return f"/api/v1/query?{urlencode(window)}"


def sight_of(metric: Metric, body: JSON) -> Measured | Unmeasured:
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
                detail = datetime.fromtimestamp(at / 1000, UTC).strftime("at %H:%M:%S UTC")
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
