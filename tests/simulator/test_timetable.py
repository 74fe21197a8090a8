"""What happens at a time, whatever is asked, and what changes metrics and monitors at a request."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from orchestrator.model.status import Status
from orchestrator.simulator import (
    AnswerLost,
    ConnectionRefused,
    Fault,
    ForeignWriter,
    MetricShows,
    MonitorShows,
    NoAnswer,
    RegionDark,
    Simulation,
    SimulatorConfig,
    StaleRead,
)

from .bench import AGENTS, KEYS, Bench, P, S, attributes

pytestmark = pytest.mark.anyio


async def agents(bench: Bench) -> object:
    """What the secondary's Agents' metric shows now."""
    return (await bench.points(S, over=1))[-1][1]


async def test_a_metric_changes_at_its_time_and_only_for_as_long_as_it_says() -> None:
    bench = Bench(None, Fault(MetricShows(AGENTS, 0, seconds=20), role=S, after=10))
    seen = []
    for _ in range(4):
        seen.append(await agents(bench))
        await bench.clock.sleep(9)
    assert seen == [12.0, 12.0, 0.0, 0.0]
    assert await agents(bench) == 12.0
    assert bench.regions.faults.pending() == ()


async def test_what_has_no_time_to_wait_for_holds_from_the_very_start() -> None:
    bench = Bench(None, Fault(MetricShows(AGENTS, 3, role=S), after=0))
    assert await bench.points(S) == [(60, 3.0), (40, 3.0), (20, 3.0), (0, 3.0)]


async def test_a_time_counts_from_when_it_was_added_and_what_was_cleared_never_happens() -> None:
    bench = Bench()
    await bench.clock.sleep(100)
    bench.regions.faults.add(Fault(MetricShows(AGENTS, 0), role=S, after=10))
    await bench.clock.sleep(9)
    assert await agents(bench) == 12.0
    await bench.clock.sleep(2)
    assert await agents(bench) == 0.0
    bench.regions.faults.add(Fault(MetricShows(AGENTS, 7), role=S, after=10))
    bench.regions.faults.clear()
    await bench.clock.sleep(20)
    assert await agents(bench) == 0.0


async def test_what_is_due_happens_in_the_order_of_its_times_and_at_them() -> None:
    bench = Bench(
        None,
        Fault(ForeignWriter(Status.ACTIVE, "second"), role=P, after=20),
        Fault(ForeignWriter(Status.FAILOVER, "first"), role=P, after=10),
    )
    await bench.clock.sleep(30)
    record = bench.regions.record(P)
    assert record is not None
    assert record.modified_by == "second"
    assert record.modified_at is not None
    assert record.modified_at.isoformat() == "2026-11-22T03:00:20.250000+00:00"


async def test_what_a_server_does_by_itself_and_what_has_its_time_happen_in_one_order() -> None:
    config = SimulatorConfig(advances=True, advances_after=10)
    bench = Bench(config, Fault(ForeignWriter(Status.RECOVERY, "terraform"), role=P, after=15))
    await bench.post(P, 3)
    await bench.clock.sleep(20)  # the server moved on to ACTIVE at 10 s, and somebody wrote over that at 15 s
    record = bench.regions.record(P)
    assert record is not None
    assert (record.status, record.modified_by) == (5, "terraform")
    bench.regions.faults.add(Fault(StaleRead()))
    assert attributes(await bench.answer(P))["hamr_status"] == 4


async def test_a_region_goes_dark_at_its_time_and_comes_back() -> None:
    bench = Bench(None, Fault(RegionDark(seconds=5), role=S, after=10))
    await bench.clock.sleep(9)
    assert await bench.status(S) == 2
    await bench.clock.sleep(1)
    assert await bench.ask(S) == NoAnswer.REFUSED
    await bench.clock.sleep(5)
    assert await bench.status(S) == 2


async def test_requests_mean_nothing_to_what_has_its_own_time() -> None:
    bench = Bench(None, Fault(MonitorShows(42, "Alert"), role=P, after=10), Fault(AnswerLost(), at=3))
    await bench.status(P)
    assert len(bench.regions.faults.pending()) == 2
    await bench.status(P)
    assert len(bench.regions.faults.pending()) == 2


async def test_a_metric_and_a_monitor_change_at_a_request_of_the_org_that_was_asked_or_of_another() -> None:
    bench = Bench(
        None,
        Fault(MetricShows(AGENTS, 0), method="POST"),
        Fault(MonitorShows(42, "Warn", role=P), method="POST", role=S),
    )
    assert await agents(bench) == 12.0
    assert (await bench.post(S, 3)).status == 200
    assert await agents(bench) == 0.0
    assert b'"overall_state": "Warn"' in (await bench.answer(P, path="/api/v1/monitor/42")).body
    assert b'"overall_state": "OK"' in (await bench.answer(S, path="/api/v1/monitor/42")).body


def test_only_what_needs_no_request_can_have_a_time_and_it_says_whose() -> None:
    with pytest.raises(ValueError, match="needs no request"):
        Fault(AnswerLost(), role=P, after=1)
    with pytest.raises(ValueError, match="none in the past"):
        Fault(RegionDark(), role=P, after=-1)
    with pytest.raises(ValueError, match="which org"):
        Fault(RegionDark(), after=1)
    assert Fault(ForeignWriter(Status.ACTIVE, role=S), after=1).struck_role is S


async def test_on_sockets_a_region_goes_dark_by_itself_while_nobody_asks() -> None:
    async with Simulation() as sim:
        port = int(sim.primary.url.rsplit(":", 1)[1])
        sim.faults.add(Fault(RegionDark(), role=P, after=0.01))
        async with asyncio.timeout(5):
            while await _listens(port):  # noqa: ASYNC110 - a port has no event; no request is made, only time passes
                await asyncio.sleep(0.002)
        assert sim.regions.darkness(P) is not None
        assert sim.requests == ()
        sim.set_dark(P, False)
        assert await _listens(port)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):  # refused, or reset while it was going dark
        return False
    writer.transport.abort()
    return True


async def test_on_sockets_what_is_set_is_shown_and_events_are_kept() -> None:
    async with (
        Simulation() as sim,
        httpx.AsyncClient(base_url=sim.primary.url, headers=KEYS[P], timeout=2, trust_env=False) as client,
    ):
        assert (await client.get("/health")).text == "ok\n"
        sim.set_metric(P, "q", 4)
        sim.set_monitor(P, 42, "Alert")
        assert (await client.get("/api/v1/monitor/42")).json()["overall_state"] == "Alert"
        asked = {"from": "1", "to": "99999999999", "query": "q"}
        assert (await client.get("/api/v1/query", params=asked)).json()["series"][0]["pointlist"][-1][1] == 4
        await client.post("/api/v1/events", json={"title": "t", "text": "x"})
        assert [event.title for event in sim.events(P)] == ["t"]


async def test_on_sockets_a_refusal_of_a_probes_path_leaves_the_rest_of_the_region_alone() -> None:
    fault = Fault(ConnectionRefused(), path="/health", times=None)
    async with (
        Simulation(faults=[fault]) as sim,
        httpx.AsyncClient(base_url=sim.primary.url, headers=KEYS[P], timeout=2, trust_env=False) as client,
    ):
        assert (await client.get("/api/v2/hamr")).status_code == 200
        with pytest.raises(httpx.ReadError):
            await client.get("/health")
        assert (await client.get("/api/v2/hamr")).status_code == 200
