"""Both regions on real sockets, and what each fault looks like to a real client there."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from orchestrator.model.status import Both, Status
from orchestrator.simulator import (
    AnswerLost,
    AppliedLate,
    ClientError,
    ConnectionRefused,
    ConnectionReset,
    Drip,
    Fault,
    FaultKind,
    ForeignWriter,
    RegionDark,
    ServerError,
    Silence,
    Simulation,
    SimulatorConfig,
    Slow,
    StaleRead,
    Throttle,
    TruncatedBody,
    WrongBody,
)
from orchestrator.simulator.sockets import region_app

from .bench import KEYS, PRIMARY_UUID, SECONDARY_UUID, Bench, P, S, snake

pytestmark = pytest.mark.anyio

HAMR = "/api/v2/hamr"


@asynccontextmanager
async def served(
    *faults: Fault, config: SimulatorConfig | None = None
) -> AsyncIterator[tuple[Simulation, httpx.AsyncClient, httpx.AsyncClient]]:
    """A simulation, and a client for each org."""
    async with (
        Simulation(config, faults=faults) as sim,
        httpx.AsyncClient(base_url=sim.primary.url, headers=KEYS[P], timeout=2, trust_env=False) as primary,
        httpx.AsyncClient(
            base_url=sim.secondary.url, headers=KEYS[S], timeout=2, trust_env=False
        ) as secondary,
    ):
        yield sim, primary, secondary


async def _arrived(sim: Simulation, count: int) -> None:
    while len(sim.requests) < count:  # noqa: ASYNC110 - the log has no event to wait for
        await asyncio.sleep(0.001)


async def test_both_regions_answer_each_for_its_own_org() -> None:
    async with served() as (sim, primary, secondary):
        first, second = await asyncio.gather(primary.get(HAMR), secondary.get(HAMR))
        assert first.json()["data"]["id"] == PRIMARY_UUID == sim.primary.org_uuid
        assert second.json()["data"]["id"] == SECONDARY_UUID == sim.secondary.org_uuid
        assert first.headers["content-type"] == "application/vnd.api+json"
        assert first.headers.get_list("date") == [first.headers["date"]]
        assert first.headers["x-request-id"].startswith("sim-primary-")
        assert "server" not in first.headers
        assert (await primary.get(HAMR, headers=KEYS[S])).status_code == 403
        assert sim.primary.api_key == "simulated-primary-api-key-0000"
        assert "api-key" not in repr(sim.primary)


async def test_a_post_is_seen_by_the_next_get_and_in_the_log() -> None:
    async with served() as (sim, _, secondary):
        assert (await secondary.post(HAMR, json=snake(S, 3))).status_code == 200
        shown = (await secondary.get(HAMR)).json()["data"]["attributes"]
        assert (shown["hamr_status"], shown["modified_by"]) == (3, "night.shift@example.com")
        assert [(r.method, r.applied) for r in sim.requests] == [("POST", True), ("GET", False)]
        record = sim.record(S)
        assert record is not None
        assert record.status == 3


async def test_starting_and_stopping_are_quick_and_leave_signals_and_logs_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    caplog.set_level(logging.INFO)
    begun = time.perf_counter()
    async with Simulation(faults=[Fault(Silence(), at=2), Fault(Slow(60), at=3)]) as sim:
        assert time.perf_counter() - begun < 0.3
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        async with httpx.AsyncClient(base_url=sim.primary.url, headers=KEYS[P], trust_env=False) as client:
            await client.get(HAMR)
            hanging = [asyncio.create_task(client.get(HAMR)) for _ in range(2)]
            await _arrived(sim, 3)
            begun = time.perf_counter()
            await sim.__aexit__(None, None, None)
            assert time.perf_counter() - begun < 0.2
            for outcome in await asyncio.gather(*hanging, return_exceptions=True):
                assert isinstance(outcome, httpx.ReadError)
    assert [record for record in caplog.records if record.name.startswith(("uvicorn", "orchestrator"))] == []


async def test_latency_is_injected_into_every_request() -> None:
    async with served(config=SimulatorConfig(latency=Both(0.0, 0.06))) as (_, primary, secondary):
        await asyncio.gather(primary.get(HAMR), secondary.get(HAMR))
        begun = time.perf_counter()
        await secondary.get(HAMR)
        assert 0.06 <= time.perf_counter() - begun < 0.5


async def test_a_refused_connection_is_refused_and_then_not() -> None:
    async with served(Fault(ConnectionRefused(seconds=0.25), at=2, role=P)) as (sim, primary, secondary):
        assert (await primary.get(HAMR)).status_code == 200
        with pytest.raises(httpx.ConnectError):
            await primary.get(HAMR)
        assert (await secondary.get(HAMR)).status_code == 200
        await asyncio.sleep(0.3)
        assert (await primary.get(HAMR)).status_code == 200
        assert len(sim.requests) == 3


async def test_a_refused_connection_that_is_scripted_while_connections_stand_ends_them() -> None:
    async with served() as (sim, primary, _):
        await primary.get(HAMR)
        sim.faults.add(Fault(ConnectionRefused(), times=None))
        with pytest.raises(httpx.ConnectError):
            await primary.get(HAMR)
        sim.faults.clear()
        assert (await primary.get(HAMR)).status_code == 200


async def test_a_refusal_of_one_method_resets_the_connection_that_stands() -> None:
    async with served(Fault(ConnectionRefused(), method="POST")) as (_, primary, __):
        await primary.get(HAMR)
        with pytest.raises(httpx.ReadError):
            await primary.post(HAMR, json=snake(P, 3))
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 2


async def test_a_reset_is_a_reset_and_nothing_was_applied() -> None:
    async with served(Fault(ConnectionReset(), method="POST")) as (_, primary, __):
        with pytest.raises(httpx.ReadError) as caught:
            await primary.post(HAMR, json=snake(P, 3))
        assert _root(caught.value) is ConnectionResetError
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 2


def _root(error: BaseException) -> type[BaseException]:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return type(error)


async def test_a_lost_answer_is_a_closed_connection_after_the_write() -> None:
    async with served(Fault(AnswerLost(), method="POST")) as (_, primary, __):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await primary.post(HAMR, json=snake(P, 3))
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 3


async def test_a_late_write_shows_itself_later() -> None:
    async with served(Fault(AppliedLate(0.25), method="POST")) as (_, primary, __):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            await primary.post(HAMR, json=snake(P, 3))
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 2
        await asyncio.sleep(0.26)
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 3


async def test_silence_and_slowness_run_into_the_clients_time_out() -> None:
    async with served(Fault(Silence()), Fault(Slow(5), at=2)) as (_, primary, __):
        for _attempt in range(2):
            with pytest.raises(httpx.ReadTimeout):
                await primary.post(HAMR, json=snake(P, 3), timeout=0.05)
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 3


async def test_a_slow_answer_comes() -> None:
    async with served(Fault(Slow(0.05))) as (_, primary, __):
        begun = time.perf_counter()
        assert (await primary.get(HAMR)).status_code == 200
        assert time.perf_counter() - begun >= 0.05


async def test_a_drip_comes_byte_by_byte_and_is_whole_in_the_end() -> None:
    async with served(Fault(Drip(0.0001))) as (_, primary, __):
        async with primary.stream("GET", HAMR) as response:
            pieces = [piece async for piece in response.aiter_raw()]
        assert len(pieces) > 50
        assert b"".join(pieces).endswith(b"}}}")


async def test_a_truncated_body_ends_early() -> None:
    async with served(Fault(TruncatedBody())) as (_, primary, __):
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            await primary.get(HAMR)
        assert (await primary.get(HAMR)).status_code == 200


async def test_answers_that_are_not_what_was_asked_for() -> None:
    kinds: tuple[FaultKind, ...] = (
        ClientError(403),
        Throttle(reset=9),
        ServerError(503),
        WrongBody({"ok": True}),
    )
    faults = [Fault(kind, at=number) for number, kind in enumerate(kinds, 1)]
    async with served(*faults) as (_, primary, __):
        denied, throttled, down, wrong = [await primary.get(HAMR) for _ in kinds]
    assert (denied.status_code, denied.json()["errors"][0]["status"]) == (403, "403")
    assert (throttled.status_code, throttled.headers["x-ratelimit-reset"]) == (429, "9")
    assert (down.status_code, down.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert (wrong.status_code, wrong.json()) == (200, {"ok": True})


async def test_stale_reads_and_a_foreign_writer() -> None:
    faults = (
        Fault(ForeignWriter(Status.ACTIVE, "terraform"), role=S, method="GET"),
        Fault(StaleRead(), at=2),
    )
    async with served(*faults) as (_, __, secondary):
        shown = [(await secondary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] for _ in range(3)]
    assert shown == [4, 2, 4]


async def test_a_dark_region_breaks_its_connections_and_refuses_new_ones_until_it_returns() -> None:
    async with served(Fault(Slow(30), at=2, role=P)) as (sim, primary, secondary):
        await primary.get(HAMR)
        hanging = asyncio.create_task(primary.get(HAMR))
        await _arrived(sim, 2)
        sim.set_dark(P, True)
        with pytest.raises(httpx.ReadError):
            await hanging
        with pytest.raises(httpx.ConnectError):
            await primary.get(HAMR)
        assert (await secondary.get(HAMR)).status_code == 200
        url = sim.primary.url
        sim.set_dark(P, False)
        assert (await primary.get(HAMR)).status_code == 200
        assert sim.primary.url == url


async def test_a_region_that_goes_dark_at_a_request_returns_by_itself() -> None:
    async with served(Fault(RegionDark(seconds=0.25), role=P, method="POST")) as (_, primary, __):
        with pytest.raises(httpx.ReadError):
            await primary.post(HAMR, json=snake(P, 3))
        with pytest.raises(httpx.ConnectError):
            await primary.get(HAMR)
        await asyncio.sleep(0.3)
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 2


async def test_a_black_hole_takes_connections_and_says_nothing() -> None:
    async with served() as (sim, primary, _):
        sim.set_dark(P, True, silent=True)
        with pytest.raises(httpx.ReadTimeout):
            await primary.get(HAMR, timeout=0.05)
        sim.set_dark(P, False)
        assert (await primary.get(HAMR)).status_code == 200


async def test_a_mirror_on_sockets() -> None:
    async with served(config=SimulatorConfig(mirror=0)) as (sim, primary, secondary):
        await secondary.post(HAMR, json=snake(S, 3))
        assert (await primary.get(HAMR)).json()["data"]["attributes"]["hamr_status"] == 3
        sim.foreign_write(P, Status.ACTIVE, "terraform")
        assert (await secondary.get(HAMR)).json()["data"]["attributes"]["modified_by"] == "terraform"


async def test_bodies_that_are_too_long_or_not_http_are_refused_quietly() -> None:
    async with served() as (sim, primary, _):
        response = await primary.post(HAMR, content=b"x" * 300_000)
        assert response.status_code == 400
        assert "longer than 65536 bytes" in response.text
        port = int(sim.primary.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()
        await writer.wait_closed()
        assert (await primary.get(HAMR)).status_code == 200


async def test_the_same_app_serves_a_client_in_this_process() -> None:
    bench = Bench(None, Fault(AnswerLost(), at=2))
    transport = httpx.ASGITransport(app=region_app(bench.regions, P))
    async with httpx.AsyncClient(transport=transport, base_url="http://region", headers=KEYS[P]) as client:
        assert (await client.get(HAMR)).status_code == 200
        with pytest.raises(ConnectionResetError):
            await client.get(HAMR)
