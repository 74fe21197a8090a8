"""Metrics, monitors, downtimes, events and pages: what they show, to whom, and how that is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.model.status import Both, Status
from orchestrator.simulator import (
    NO_DATA,
    AnswerLost,
    ClientError,
    Fault,
    MetricShows,
    MetricValue,
    NoAnswer,
    PostedEvent,
    RateLimit,
    ServerError,
    SimulatorConfig,
    Throttle,
    Traffic,
)

from .bench import AGENTS, KEYS, START, Bench, P, S

pytestmark = pytest.mark.anyio

WINDOW = "from=1795316340&to=1795316400"
"""The minute before the clock of the bench begins."""


async def test_every_query_shows_twelve_in_both_orgs_unless_somebody_says_otherwise() -> None:
    bench = Bench()
    for role in (P, S):
        assert await bench.points(role) == [(60, 12.0), (40, 12.0), (20, 12.0), (0, 12.0)]
    assert await bench.points(S, "avg:anything{else}", over=5) == [(0, 12.0)]


async def test_a_query_is_answered_as_the_reference_has_it() -> None:
    bench = Bench(SimulatorConfig(metrics=Both({}, {AGENTS: 3})))
    response = await bench.answer(
        S, path="/api/v1/query", query=f"from=1795316370&to=1795316400&query={AGENTS}"
    )
    assert (response.status, dict(response.headers)["Content-Type"]) == (200, "application/json")
    assert json.loads(response.body) == {
        "status": "ok",
        "res_type": "time_series",
        "query": AGENTS,
        "from_date": 1795316370000,
        "to_date": 1795316400000,
        "group_by": [],
        "series": [
            {
                "scope": "*",
                "expression": AGENTS,
                "metric": "datadog.agent.running",
                "display_name": AGENTS,
                "start": 1795316380000,
                "end": 1795316400000,
                "length": 2,
                "pointlist": [[1795316380000.0, 3.0], [1795316400000.0, 3.0]],
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (0, [(60, 0.0), (40, 0.0), (20, 0.0), (0, 0.0)]),
        (None, [(60, None), (40, None), (20, None), (0, None)]),
        (NO_DATA, []),
        ([1, None, 2.5], [(40, 1.0), (20, None), (0, 2.5)]),
        ((7,), [(0, 7.0)]),
    ],
)
async def test_a_metric_shows_a_value_several_a_null_or_nothing(
    value: MetricValue, points: list[tuple[int, float | None]]
) -> None:
    bench = Bench(SimulatorConfig(metrics=Both({}, {AGENTS: value})))
    assert await bench.points(S) == points
    assert await bench.points(P) == [(60, 12.0), (40, 12.0), (20, 12.0), (0, 12.0)]


async def test_what_is_set_while_it_runs_shows_at_once_and_the_past_stays_as_it_was() -> None:
    bench = Bench()
    await bench.clock.sleep(100)
    bench.regions.set_metric(S, AGENTS, 0)
    assert await bench.points(S) == [(60, 12.0), (40, 12.0), (20, 12.0), (0, 0.0)]
    await bench.clock.sleep(30)
    assert await bench.points(S) == [(60, 12.0), (40, 12.0), (20, 0.0), (0, 0.0)]


async def test_when_nobody_reports_any_more_the_whole_window_is_empty_at_once() -> None:
    bench = Bench()
    await bench.clock.sleep(100)
    bench.regions.set_metric(S, AGENTS, NO_DATA)
    assert await bench.points(S) == []
    bench.regions.set_metric(S, AGENTS, None)
    assert await bench.points(S, over=20) == [(20, None), (0, None)]
    await bench.clock.sleep(30)
    bench.regions.set_metric(S, AGENTS, 7)
    assert await bench.points(S) == [(60, 12.0), (40, 12.0), (0, 7.0)]
    await bench.clock.sleep(20)
    assert await bench.points(S, over=40) == [(20, 7.0), (0, 7.0)]


async def test_what_is_set_before_anything_happened_holds_for_the_past_too() -> None:
    bench = Bench()
    bench.regions.set_metric(S, AGENTS, 0)
    assert await bench.points(S) == [(60, 0.0), (40, 0.0), (20, 0.0), (0, 0.0)]


async def test_what_is_set_for_a_time_ends_and_what_came_before_is_back() -> None:
    bench = Bench(SimulatorConfig(metrics=Both({}, {AGENTS: 5}), monitors=Both({7: "Warn"}, {})))
    await bench.clock.sleep(10)
    bench.regions.set_metric(S, AGENTS, 0, seconds=30)
    bench.regions.set_monitor(P, 7, "Alert", seconds=30)
    bench.regions.set_metric(S, AGENTS, 1, seconds=10)  # within it
    seen = []
    for _ in range(5):
        seen.append(((await bench.points(S, over=5))[-1][1], await state(bench, 7)))
        await bench.clock.sleep(10)
    assert seen == [(1.0, "Alert"), (0.0, "Alert"), (0.0, "Alert"), (5.0, "Warn"), (5.0, "Warn")]


async def state(bench: Bench, number: int) -> str | None:
    """The state of a monitor of the primary; None for a 404."""
    response = await bench.answer(P, path=f"/api/v1/monitor/{number}")
    if response.status == 404:
        assert json.loads(response.body) == {"errors": ["Monitor not found"]}
        return None
    found = json.loads(response.body)
    assert found["id"] == number
    shown: str = found["overall_state"]
    return shown


async def test_the_present_shows_although_a_client_asks_in_whole_seconds() -> None:
    bench = Bench()
    await bench.clock.sleep(50.5)  # 03:00:50.75; the window ends at 03:00:50
    bench.regions.set_metric(S, AGENTS, 0)
    assert await bench.points(S, over=20) == [(20, 12.0), (0, 0.0)]


async def test_a_window_that_ends_in_the_future_ends_now_and_a_long_one_has_fewer_points() -> None:
    bench = Bench()
    now = 1795316400
    asked = f"from={now - 40}&to={now + 500}&query={AGENTS}"
    series = (await bench.said(S, path="/api/v1/query", query=asked))[1]["series"]
    assert [at for at, _ in series[0]["pointlist"]] == [(now - 40) * 1000, (now - 20) * 1000, now * 1000]
    assert len(await bench.points(S, over=86_400)) == 301
    ahead = f"from={now + 10}&to={now + 20}&query={AGENTS}"
    assert (await bench.said(S, path="/api/v1/query", query=ahead))[1]["series"] == []


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ("", "query is required"),
        (f"{WINDOW}&query=", "query is required"),
        (f"to=1795316400&query={AGENTS}", "from and to are required, in seconds since 1970"),
        (f"from=1795316340&to=soon&query={AGENTS}", "from and to are required, in seconds since 1970"),
        (f"from=1795316400&to=1795316400&query={AGENTS}", "from must be earlier than to"),
    ],
)
async def test_a_query_that_is_not_whole_is_a_400(asked: str, detail: str) -> None:
    assert await Bench().said(S, path="/api/v1/query", query=asked) == (400, {"errors": [detail]})


async def test_traffic_that_follows_is_in_the_secondary_only_while_it_has_taken_over_and_comes_late() -> None:
    bench = Bench(SimulatorConfig(traffic=Traffic.FOLLOWS, traffic_lag=30))
    seen = []
    for status in (3, 4, 5, 2):
        await bench.post(S, status)
        await bench.clock.sleep(29)
        before = await bench.points(S, over=1)
        await bench.clock.sleep(31)
        seen.append((before, await bench.points(S, over=1)))
    twelve = [(0, 12.0)]
    assert seen == [([], twelve), (twelve, twelve), (twelve, []), ([], [])]
    assert await bench.points(P, over=1) == twelve
    bench.regions.set_metric(S, AGENTS, 4)
    assert await bench.points(S, over=1) == [(0, 4.0)]


async def test_a_monitor_is_ok_until_somebody_says_otherwise_and_may_not_be_there() -> None:
    bench = Bench(SimulatorConfig(monitors=Both({42: "Alert", 43: None}, {})))
    assert [await state(bench, number) for number in (41, 42, 43)] == ["OK", "Alert", None]
    bench.regions.set_monitor(P, 42, "No Data")
    bench.regions.set_monitor(P, 43, "OK")
    assert [await state(bench, number) for number in (42, 43)] == ["No Data", "OK"]
    assert await bench.said(P, path="/api/v1/monitor/abc") == (
        400,
        {"errors": ["the monitor's id must be a number"]},
    )


@pytest.mark.parametrize("path", ["/api/v1/monitor/", "/api/v1/monitor/{id}/x", "/api/v1/monitor/1/2"])
async def test_what_only_looks_like_a_monitor_is_not_found(path: str) -> None:
    assert (await Bench().answer(P, path=path)).status == 404


async def test_a_search_counts_the_monitors_that_were_set() -> None:
    bench = Bench(SimulatorConfig(monitors=Both({1: "OK", 2: "Alert", 3: "OK", 4: None}, {})))
    found = (await bench.said(P, path="/api/v1/monitor/search", query="query=status:Alert"))[1]
    assert found["counts"]["status"] == [{"name": "Alert", "count": 1}, {"name": "OK", "count": 2}]
    assert [(each["id"], each["status"]) for each in found["monitors"]] == [
        (1, "OK"),
        (2, "Alert"),
        (3, "OK"),
    ]
    assert found["metadata"]["total_count"] == 3


async def test_there_are_no_downtimes() -> None:
    response = await Bench().answer(P, path="/api/v2/downtime", query="current_only=true")
    assert json.loads(response.body)["data"] == []


@pytest.mark.parametrize(
    "path", ["/api/v1/query", "/api/v1/monitor/1", "/api/v1/monitor/search", "/api/v2/downtime"]
)
async def test_both_keys_are_asked_for_and_refusals_come_in_strings(path: str) -> None:
    bench = Bench()
    api_key_alone = {"DD-API-KEY": KEYS[P]["DD-API-KEY"]}
    for keys, status, words in (
        ({}, 401, "Unauthorized"),
        (api_key_alone, 401, "Unauthorized"),
        (KEYS[S], 403, "Forbidden"),
    ):
        assert await bench.said(P, path=path, keys=keys) == (status, {"errors": [words]})


async def test_pages_want_no_keys() -> None:
    bench = Bench()
    page = (await bench.said(S, path="/api/v2/components.json", keys={}))[1]
    assert page["page"]["name"] == "Simulated eu1"
    assert {each["status"] for each in page["components"]} == {"operational"}
    health = await bench.answer(S, path="/health", keys={})
    assert (health.status, health.body) == (200, b"ok\n")
    assert dict(health.headers)["Content-Type"] == "text/plain; charset=utf-8"


async def test_faults_that_name_no_path_leave_all_of_it_alone_and_those_that_do_strike_it() -> None:
    monitor = "/api/v1/monitor/42"
    bench = Bench(
        None,
        Fault(AnswerLost(), times=None),
        Fault(ServerError(502), path="/api/v1/query"),
        Fault(ClientError(403), path=monitor),
        Fault(Throttle(reset=5), path="/health"),
        Fault(AnswerLost(), path=None, at=5),
    )
    asked = f"{WINDOW}&query=x"
    statuses = [
        (await bench.answer(P, path="/api/v1/query", query=asked)).status,
        (await bench.answer(P, path=monitor)).status,
        (await bench.answer(P, path="/health")).status,
        (await bench.answer(P, path="/api/v1/query", query=asked)).status,
    ]
    assert statuses == [502, 403, 429, 200]
    assert await bench.ask(P, path="/health") == NoAnswer.CLOSED


async def test_a_dark_region_shows_nothing_of_it() -> None:
    bench = Bench()
    bench.regions.set_dark(S, True)
    for path in (
        "/api/v1/query",
        "/api/v1/monitor/1",
        "/api/v1/events",
        "/api/v2/components.json",
        "/health",
    ):
        assert await bench.ask(S, path=path) == NoAnswer.REFUSED


async def test_telemetry_does_not_count_towards_hamrs_rate_limit_and_stands_in_the_log() -> None:
    bench = Bench(SimulatorConfig(rate_limit=RateLimit(1, 60)))
    await bench.points(P)
    await bench.points(P)
    assert await bench.status(P) == 2
    first = bench.regions.requests[0]
    assert (first.method, first.path, first.outcome, first.applied) == ("GET", "/api/v1/query", "200", False)
    assert "query=sum%3Adatadog.agent.running" in first.query


@pytest.mark.parametrize("value", ["lots", [], float("nan"), 10**400, [1, float("inf")]])
def test_a_value_that_is_none_is_refused(value: MetricValue) -> None:
    with pytest.raises(ValueError, match="metric"):
        Bench().regions.set_metric(S, AGENTS, value)
    with pytest.raises(ValueError, match="metric"):
        SimulatorConfig(metrics=Both({}, {AGENTS: value}))
    with pytest.raises(ValueError, match="metric"):
        MetricShows(AGENTS, value)


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="No Data, OK"):
        Bench().regions.set_monitor(S, 1, "fine")
    with pytest.raises(ValueError, match="No Data, OK"):
        SimulatorConfig(monitors=Both({}, {1: "fine"}))
    with pytest.raises(ValueError, match="follows"):
        SimulatorConfig(traffic_lag=-1)


async def test_an_org_without_a_record_has_not_taken_over() -> None:
    bench = Bench(SimulatorConfig(traffic=Traffic.FOLLOWS, status=Both(Status.ABSENT, Status.ABSENT)))
    assert await bench.points(S) == []


# -- events

EVENTS = "/api/v1/events"
KEY = {"DD-API-KEY": KEYS[S]["DD-API-KEY"]}
EVENT: dict[str, Any] = {
    "title": "payments reached ACTIVE",
    "text": "journal head 17:ab12",
    "tags": ["hamr", "pair:payments"],
    "alert_type": "success",
    "aggregation_key": "hamr-run-1",
}


async def test_an_event_is_taken_with_the_api_key_alone_and_kept_for_its_org() -> None:
    bench = Bench()
    response = await bench.answer(S, "POST", EVENTS, keys=KEY, body=EVENT)
    assert response.status == 202
    assert json.loads(response.body) == {
        "status": "ok",
        "event": {
            "id": 1,
            "id_str": "1",
            "title": "payments reached ACTIVE",
            "text": "journal head 17:ab12",
            "tags": ["hamr", "pair:payments"],
            "alert_type": "success",
            "date_happened": 1795316400,
            "url": "https://app.datadoghq.com/event/event?id=1",
        },
    }
    await bench.answer(S, "POST", EVENTS, keys=KEY, body={"title": "t", "text": "x" * 4000})
    assert bench.regions.events(S) == (
        PostedEvent(
            1,
            START,
            "payments reached ACTIVE",
            "journal head 17:ab12",
            ("hamr", "pair:payments"),
            "success",
            "hamr-run-1",
        ),
        PostedEvent(2, START, "t", "x" * 4000),
    )
    assert bench.regions.events(P) == ()
    assert [(each.path, each.applied) for each in bench.regions.requests] == [
        (EVENTS, False),
        (EVENTS, False),
    ]


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"title": None}, "title is required, as a text"),
        ({"title": ""}, "title is required, as a text"),
        ({"text": 5}, "text is required, as a text"),
        ({"text": "x" * 4001}, "text is longer than 4000 characters"),
        ({"tags": "hamr"}, "tags must be a list of texts"),
        ({"tags": [1]}, "tags must be a list of texts"),
        ({"alert_type": "fatal"}, "alert_type must be one of info, warning, error, success"),
        ({"aggregation_key": "k" * 101}, "aggregation_key must be a text of at most 100 characters"),
        ({"aggregation_key": 7}, "aggregation_key must be a text of at most 100 characters"),
    ],
)
async def test_an_event_that_is_wrong_is_refused_and_not_kept(changes: dict[str, Any], detail: str) -> None:
    bench = Bench()
    assert await bench.said(S, "POST", EVENTS, keys=KEY, body={**EVENT, **changes}) == (
        400,
        {"errors": [detail]},
    )
    assert bench.regions.events(S) == ()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is not JSON"),
        (b"[]", "an object is required"),
        (b'"' + b"x" * 70_000 + b'"', "the body is longer than 65536 bytes"),
    ],
)
async def test_a_body_that_is_no_event_is_refused(body: bytes, detail: str) -> None:
    assert await Bench().said(S, "POST", EVENTS, keys=KEY, body=body) == (400, {"errors": [detail]})


async def test_a_key_is_asked_for_and_reading_is_not_offered() -> None:
    bench = Bench()
    assert (await bench.answer(S, "POST", EVENTS, keys={}, body=EVENT)).status == 401
    assert (await bench.answer(P, "POST", EVENTS, keys=KEY, body=EVENT)).status == 403
    assert (await bench.answer(S, path=EVENTS)).status == 405


async def test_faults_can_lose_an_event_or_only_its_answer() -> None:
    bench = Bench(None, Fault(ServerError(503), path=EVENTS), Fault(AnswerLost(), path=EVENTS, at=2))
    assert (await bench.answer(S, "POST", EVENTS, keys=KEY, body=EVENT)).status == 503
    assert bench.regions.events(S) == ()
    assert await bench.ask(S, "POST", EVENTS, keys=KEY, body=EVENT) == NoAnswer.CLOSED
    assert len(bench.regions.events(S)) == 1
