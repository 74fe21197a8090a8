"""Metrics and monitors over real sockets: what is asked, and every way in which there is no answer."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from orchestrator.datadog.client import Call
from orchestrator.datadog.probes import Probes
from orchestrator.model.guard import Measured, Metric, Monitor, Take, Unmeasured
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.status import Both, Role
from orchestrator.system.clock import SystemClock
from tests.datadog.orgs import KEYS, client, pair_at
from tests.datadog.servers import http, raw_server, says

from .asked import AT, METRIC, MONITOR, NOWHERE, asked, ok, probe, probes, said

pytestmark = pytest.mark.anyio

POINTS: JSON = [
    [1795317060000.0, 3.0],
    [1795317120000.0, 8.5],
    [1795317180000.0, None],
    [1795317240000.0, 1.0],
    [1795317300000.0, None],
]


def series(*pointlists: JSON, **more: JSON) -> bytes:
    return ok(
        {"status": "ok", "series": [{"scope": "*", "pointlist": points} for points in pointlists], **more}
    )


async def test_a_metric_is_asked_for_by_one_get_with_both_keys_and_whole_seconds() -> None:
    metric = Metric(Role.SECONDARY, "sum:datadog.agent.running{env:prod,!x} by {a}&b", timedelta(minutes=10))
    reading, server = await asked(metric, series(POINTS))
    assert reading.probe == "agents"
    (request,) = server.requests
    line, *headers = request.decode().split("\r\n")
    method, target, _ = line.split(" ")
    assert (method, urlsplit(target).path) == ("GET", "/api/v1/query")
    assert parse_qs(urlsplit(target).query) == {
        "from": ["1795316702"],
        "to": ["1795317302"],
        "query": ["sum:datadog.agent.running{env:prod,!x} by {a}&b"],
    }
    assert f"DD-API-KEY: {KEYS['S_API']}" in headers
    assert f"DD-APPLICATION-KEY: {KEYS['S_APP']}" in headers
    assert KEYS["P_API"] not in request.decode()


@pytest.mark.parametrize(
    ("take", "value", "detail"),
    [
        (Take.LAST, 1.0, "at 2026-11-22 03:14:00 UTC"),
        (Take.AVERAGE, 12.5 / 3, "the average of 3 points"),
        (Take.LEAST, 1.0, "the least of 3 points"),
        (Take.MOST, 8.5, "the most of 3 points"),
    ],
)
async def test_a_metrics_value_is_taken_from_the_points_that_have_one(
    take: Take, value: float, detail: str
) -> None:
    reading, _ = await asked(Metric(Role.SECONDARY, "q", take=take), series(POINTS))
    assert isinstance(reading.sight, Measured)
    assert reading.sight.value == pytest.approx(value)
    assert (reading.sight.good, reading.sight.detail) == (True, detail)


async def test_the_last_point_is_the_newest_wherever_it_stands() -> None:
    reading, _ = await asked(METRIC, series([[1795317240000, 7], [1795317060000, 3]]))
    assert reading.sight == Measured(7.0, detail="at 2026-11-22 03:14:00 UTC")


async def test_zero_is_a_value() -> None:
    reading, _ = await asked(METRIC, series([[1795317240000.0, 0]]))
    assert reading.sight == Measured(0.0, detail="at 2026-11-22 03:14:00 UTC")


@pytest.mark.parametrize("answer", [series(), series([]), series([[1795317240000.0, None]] * 3)])
async def test_law_08_no_data_is_unknown_and_never_zero(answer: bytes) -> None:
    reading, _ = await asked(METRIC, answer)
    assert reading.sight == Unmeasured("no data in the last 5 min", no_data=True), "hamr doctor goes by that"


async def test_several_series_are_unknown_since_nobody_knows_which_one_is_meant() -> None:
    reading, _ = await asked(METRIC, series(POINTS, [[1795317240000.0, None]], POINTS))
    assert (
        said(reading)
        == "3 series answered, and a probe needs one: aggregate them in the query, as in sum:…{*}"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"status": "error", "error": "unknown metric"}, "the query failed: unknown metric"),
        ({"status": "ok", "error": "partial failure", "series": []}, "the query failed: partial failure"),
        ({"status": "error", "series": []}, "the query failed: its status is 'error'"),
        ({"series": [{"pointlist": [[1, 2]]}]}, "the query failed: its status is None"),
        ({"status": "ok"}, "the answer is not that of a metric query: it has no list of series"),
        ([1], "the answer is not that of a metric query: it is no object"),
        (
            {"status": "ok", "series": [{}]},
            "the answer is not that of a metric query: its series has no list of points",
        ),
        (
            {"status": "ok", "series": [{"pointlist": [[1, "2"]]}]},
            "the answer is not that of a metric query: one of its points is no pair of numbers",
        ),
        (
            {"status": "ok", "series": [{"pointlist": [[1, True]]}]},
            "the answer is not that of a metric query: one of its points is no pair of numbers",
        ),
        (
            {"status": "ok", "series": [{"pointlist": [[1e300, 2]]}]},
            "the answer is not that of a metric query: the time of its last point can't be read",
        ),
    ],
)
async def test_a_metric_answer_of_another_shape_is_unknown(body: JSON, reason: str) -> None:
    assert said((await asked(METRIC, ok(body)))[0]) == reason


@pytest.mark.parametrize("take", list(Take))
@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
async def test_a_number_that_is_not_finite_is_unknown(take: Take, number: str) -> None:
    body = f'{{"status": "ok", "series": [{{"pointlist": [[1795317240000, {number}]]}}]}}'
    reading, _ = await asked(Metric(Role.SECONDARY, "q", take=take), http("200 OK", body.encode()))
    assert said(reading) == "the metric has a value that is no finite number"


async def test_nan_is_no_json() -> None:
    body = b'{"status": "ok", "series": [{"pointlist": [[1795317240000, NaN]]}]}'
    assert said((await asked(METRIC, http("200 OK", body)))[0]) == "the answer can't be used: it is not JSON"


@pytest.mark.parametrize("state", ["OK", "Alert", "No Data", "Warn", "Ignored", "Skipped", "Unknown"])
async def test_a_monitors_value_is_its_state_as_a_word(state: str) -> None:
    reading, server = await asked(MONITOR, ok({"id": 4711, "name": "Agents in us5", "overall_state": state}))
    assert reading.sight == Measured(state, detail="monitor 4711, Agents in us5")
    assert server.requests[0].startswith(b"GET /api/v1/monitor/4711 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "body", [{}, {"overall_state": None}, {"overall_state": ""}, {"overall_state": 1}, [], "OK"]
)
async def test_a_monitor_without_a_state_is_unknown(body: JSON) -> None:
    reading, _ = await asked(MONITOR, ok(body))
    assert said(reading) == "the answer does not say in which state monitor 4711 is"


HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"
FORBIDDEN = b'{"errors": ["Forbidden"]}'


@pytest.mark.parametrize(
    ("kind", "answer", "reason"),
    [
        (
            METRIC,
            http("403 Forbidden", FORBIDDEN),
            "403: the keys lack a right (timeseries_query) or belong to another site",
        ),
        (
            MONITOR,
            http("401 Unauthorized", FORBIDDEN),
            "401: the keys lack a right (monitors_read) or belong to another site",
        ),
        (
            MONITOR,
            http("404 Not Found", b'{"errors": ["Monitor not found"]}'),
            "404: Payments DR (secondary) has no monitor 4711",
        ),
        (METRIC, http("404 Not Found", b"nothing"), "404: nothing"),
        (
            METRIC,
            http("429 Too Many", b"", "X-RateLimit-Reset: 42"),
            "429: asked too often; try again in 42 s",
        ),
        (MONITOR, http("429 Too Many"), "429: asked too often; try again later; the API does not say when"),
        (METRIC, http("400 Bad Request", b'{"errors": ["Error parsing query"]}'), "400: Error parsing query"),
        (METRIC, http("502 Bad Gateway", HTML), "502: an HTML page: 502 Bad Gateway"),
        (MONITOR, http("503 Service Unavailable"), "the answer was a bare 503"),
        (METRIC, http("302 Found", b"", "Location: /elsewhere"), "the answer was a bare 302"),
        (METRIC, http("204 No Content"), "the answer was a bare 204"),
        (METRIC, http("200 OK", HTML), "the answer can't be used: it is not JSON"),
        (METRIC, http("200 OK"), "the answer can't be used: it is empty"),
        (METRIC, http("200 OK", b" " * (1024 * 1024 + 1)), "the answer is larger than 1024 KiB"),
        (
            METRIC,
            http("200 OK", b"x", "Content-Encoding: gzip"),
            "the answer is compressed, and its end is missing",
        ),
    ],
)
async def test_law_08_an_answer_that_says_nothing_is_unknown(
    kind: Metric | Monitor, answer: bytes, reason: str
) -> None:
    assert said((await asked(kind, answer))[0]) == reason


async def test_law_08_an_answer_that_breaks_off_is_unknown() -> None:
    async with raw_server(says(series(POINTS)[:-9], on=False)) as server, probes(server.url) as taker:
        assert said(await taker.take(probe(METRIC))).startswith("the answer broke off: ")


async def test_law_08_an_org_that_cannot_be_reached_is_unknown() -> None:
    async with probes() as taker:
        assert said(await taker.take(probe(METRIC))) == "no connection: Connection refused"


async def test_law_08_a_missing_key_is_unknown_and_nothing_is_sent() -> None:
    async def talk(_: bytes, __: asyncio.StreamWriter) -> bool:
        return False

    async with raw_server(talk) as server:
        there = pair_at(NOWHERE, server.url)
        async with client(Probes, there, {}, timeouts=Timeouts(), environ={}) as taker:
            reason = said(await taker.take(probe(METRIC)))
    assert reason == (
        "2 keys of Payments DR (secondary) cannot be used: environment variables S_API and S_APP are not set."
    )
    assert server.requests == []


async def test_law_08_a_probe_that_takes_too_long_is_unknown() -> None:
    async def talk(_: bytes, __: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(30)
        return False

    async with raw_server(talk) as server, probes(server.url) as taker:
        own, less, none = await asyncio.gather(
            taker.take(probe(METRIC, seconds=0.1)),
            taker.take(probe(MONITOR), within=0.05),
            taker.take(probe(MONITOR), within=0.0),
        )
    assert said(own) == "no answer within 0.1 s"
    assert said(less) == "no answer within 0.05 s"
    assert said(none) == "no time was left for it"
    assert 0.1 <= own.seconds < 5
    assert len(server.requests) <= 2, "on a slow machine not even the first two leave in time"


async def test_a_reading_is_dated_when_its_answer_was_there() -> None:
    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(0.03)
        writer.write(series(POINTS))
        return True

    before = SystemClock().monotonic()
    async with raw_server(talk) as server, probes(server.url) as taker:
        reading = await taker.take(probe(METRIC))
    assert reading.at == AT
    assert reading.seconds >= 0.03
    assert before + reading.seconds <= reading.monotonic <= SystemClock().monotonic()


async def test_ten_slow_probes_are_all_under_way_at_the_same_time() -> None:
    under_way, all_there = 0, asyncio.Event()

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        nonlocal under_way
        under_way += 1
        if under_way == 10:
            all_there.set()
        await all_there.wait()  # nobody is answered before all have asked
        writer.write(series(POINTS))
        return True

    async with raw_server(talk) as server, probes(server.url) as taker:
        readings = await asyncio.gather(*(taker.take(probe(METRIC)) for _ in range(10)))
    assert [reading.sight for reading in readings] == [
        Measured(1.0, detail="at 2026-11-22 03:14:00 UTC")
    ] * 10


async def test_law_02_probes_send_nothing_but_gets() -> None:
    sent: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return httpx.Response(200, content=b"{}")

    transport = httpx.MockTransport(handler)
    async with client(
        Probes,
        pair_at(NOWHERE, NOWHERE),
        timeouts=Timeouts(),
        environ={},
        transports=Both(transport, transport),
        pages={"http://example.com": transport},
    ) as taker:
        for role in Role:
            asker = taker._client(Metric(role, "q"))
            for path in ("/api/v2/hamr", "/api/v1/query"):
                with pytest.raises(RuntimeError, match="was not sent"):
                    await asker.ask(Call("POST", path, b"{}"), 1.0)
        with pytest.raises(RuntimeError, match="was not sent"):
            await taker._reach("http://example.com").handle_async_request(httpx.Request("POST", NOWHERE))
        for kind in (METRIC, MONITOR):
            await taker.take(probe(kind))
    async with probes() as taker:
        with pytest.raises(RuntimeError, match="was not sent"):
            await taker._reach(NOWHERE).handle_async_request(httpx.Request("POST", NOWHERE))
    assert sent == ["GET", "GET"]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "403 Forbidden", "500 Error"])
@pytest.mark.parametrize(
    "body",
    [
        " ".join(KEYS.values()),
        json.dumps({"errors": list(KEYS.values())}),
        json.dumps({"status": "error", "error": KEYS["S_API"]}),
        json.dumps({"overall_state": KEYS["S_APP"], "name": KEYS["S_API"]}),
    ],
)
async def test_law_17_an_echoed_key_goes_no_further(status: str, body: str) -> None:
    for kind in (METRIC, MONITOR):
        reading, _ = await asked(kind, http(status, body.encode()))
        assert KEYS["S_API"] not in repr(reading)
        assert KEYS["S_APP"] not in repr(reading)


async def test_law_17_probes_show_nothing_of_themselves() -> None:
    async with probes() as taker:
        assert repr(taker) == "Probes(payments)"
