"""Real sockets: servers that die, drip, stay silent, redirect, and say too much."""

from __future__ import annotations

import asyncio
import socket
import struct
from datetime import timedelta

import pytest
from msgspec.structs import replace

from orchestrator.datadog import HttpWorld
from orchestrator.model.playbook import Timeouts
from orchestrator.model.reading import (
    Accepted,
    Hampered,
    Lost,
    NotSent,
    Present,
    Rejected,
    Trouble,
    Unreachable,
    Unreadable,
)
from orchestrator.model.status import Role, Status

from .orgs import KEYS, PATIENT, SHORT, client, draft, pair_at
from .servers import RawServer, Talk, http, raw_server, says

pytestmark = pytest.mark.anyio

RECORD = b'{"data": {"id": "u", "type": "hamr_org_connections", "attributes": {"HamrStatus": 3}}}'
NOWHERE = "http://127.0.0.1:9"


def world(
    server: RawServer | str,
    timeouts: Timeouts = SHORT,
    *,
    other: str = NOWHERE,
) -> HttpWorld:
    url = server if isinstance(server, str) else server.url
    return client(HttpWorld, pair_at(other, url), timeouts=timeouts)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def resets(_: bytes, writer: asyncio.StreamWriter) -> bool:
    reset(writer)
    return False


async def stays_silent(_: bytes, __: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(30)
    return False


async def drips(_: bytes, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    for _i in range(5000):
        writer.write(b"{")
        await writer.drain()
        await asyncio.sleep(0.01)
    return False


async def drips_headers(_: bytes, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(5000):
        writer.write(b"X-%d: y\r\n" % number)
        await writer.drain()
        await asyncio.sleep(0.01)
    return False


BROKEN: dict[str, Talk] = {
    "resets": resets,
    "closes": says(b"", on=False),
    "closes after headers": says(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", on=False),
    "answers by half": says(http("200 OK", RECORD)[:-20], on=False),
    "says nonsense": says(b"220 smtp.example.com ESMTP\r\n", on=False),
    "stays silent": stays_silent,
    "drips": drips,
    "drips headers": drips_headers,
}


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN.keys())
async def test_law_05_a_broken_answer_to_a_write_is_unknown(talk: Talk) -> None:
    async with raw_server(talk) as server, world(server) as orgs:
        answer = await orgs.write(draft())
        assert isinstance(answer, Lost)
        assert answer.reason
        assert len(server.requests) == 1  # once, without retries


@pytest.mark.parametrize("talk", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_answer_to_a_read_is_unreachable(talk: Talk) -> None:
    async with raw_server(talk) as server, world(server) as orgs:
        reading = await orgs.read(Role.SECONDARY)
        assert isinstance(reading.sight, Unreachable)
        assert reading.sight.reason
        assert reading.exchange.seconds < 10


async def test_a_slow_drip_ends_with_the_total_time() -> None:
    patient = replace(PATIENT, total=timedelta(milliseconds=600))
    async with raw_server(drips) as server, world(server, patient) as orgs:
        answer = await orgs.write(draft())
        reading = await orgs.read(Role.SECONDARY, within=0.4)
    assert isinstance(answer, Lost)
    assert answer.reason == "HTTP 200, but the answer did not end: the answer did not end within 0.6 s"
    assert reading.sight == Unreachable("HTTP 200, and then the answer did not end within 0.4 s")


async def test_silence_says_so() -> None:
    async with raw_server(stays_silent) as server, world(server) as orgs:
        assert (await orgs.read(Role.SECONDARY)).sight == Unreachable("no answer for 0.05 s")
        assert (await orgs.read(Role.SECONDARY, within=0.02)).sight == Unreachable("no answer within 0.02 s")


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        async with world(f"http://127.0.0.1:{taken.getsockname()[1]}") as orgs:
            answer = await orgs.write(draft())
            reading = await orgs.read(Role.SECONDARY)
    assert isinstance(answer, NotSent)
    assert answer.reason == "no connection: Connection refused"
    assert reading.sight == Unreachable("no connection: Connection refused")


async def test_a_black_hole_was_not_sent_whichever_bound_ends_it() -> None:
    with socket.socket() as full, socket.socket() as filler:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # its queue holds one connection, and nobody takes it out: the next one hangs
        filler.connect(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        quick = replace(SHORT, connect=timedelta(milliseconds=40), total=timedelta(seconds=5))
        async with world(url, quick) as orgs:
            by_connect = await orgs.write(draft())
        async with world(url) as orgs:
            by_total = await orgs.write(draft())
            by_caller = await orgs.write(draft(), within=0.03)
    assert isinstance(by_connect, NotSent)
    assert by_connect.reason == "no connection within 0.04 s"
    assert isinstance(by_total, NotSent)
    assert by_total.reason == "no connection within 0.15 s"
    assert isinstance(by_caller, NotSent)
    assert by_caller.reason == "no connection within 0.03 s"


async def test_a_name_that_does_not_resolve_was_not_sent() -> None:
    slow = replace(SHORT, total=timedelta(seconds=5), connect=timedelta(seconds=5))
    async with world("http://hamr.invalid", slow) as orgs:
        assert isinstance(await orgs.write(draft()), NotSent)


async def test_a_tls_failure_was_not_sent() -> None:
    async with raw_server(stays_silent) as server:
        async with world(server.url.replace("http://", "https://")) as orgs:
            answer = await orgs.write(draft())
        assert server.requests == []
    assert isinstance(answer, NotSent)


async def test_a_huge_answer_is_refused() -> None:
    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _i in range(40):
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
        return False

    roomy = replace(SHORT, total=timedelta(seconds=5), read=timedelta(seconds=5))
    async with raw_server(talk) as server, world(server, roomy) as orgs:
        reading = await orgs.read(Role.SECONDARY)
        answer = await orgs.write(draft())
    assert reading.sight == Unreadable("HTTP 200: the answer is larger than 1024 KiB")
    assert isinstance(answer, Accepted)
    assert answer.record is None


async def test_huge_headers_are_refused() -> None:
    endless = says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 500_000, on=False)
    async with raw_server(endless) as server, world(server) as orgs:
        assert isinstance((await orgs.read(Role.SECONDARY)).sight, Unreachable)


async def test_a_refusal_is_a_refusal_even_if_its_words_are_cut_off() -> None:
    cut = says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n{", on=False)
    async with raw_server(cut) as server, world(server) as orgs:
        assert isinstance(await orgs.write(draft()), Rejected)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_law_17_a_redirect_takes_no_keys_anywhere(status: str) -> None:
    async with raw_server(says(b"")) as thief:
        leads_away = says(http(status, b"", f"Location: {thief.url}/api/v2/hamr"))
        async with raw_server(leads_away) as server, world(server) as orgs:
            assert (await orgs.read(Role.SECONDARY)).sight == Hampered(
                f"a proxy or middlebox answered, not Datadog's API, which never redirects (HTTP {status[:3]} to 127.0.0.1)",
                "sign in to this network, have the API's host allowed by its proxy or inspection, or try another "
                "network; or correct site or url in pairs.yaml",
                Trouble.MIDDLEBOX,
            )
            assert isinstance(await orgs.write(draft()), Lost)  # whoever answered, it may have been taken
        assert thief.connections == 0


async def test_law_17_each_orgs_keys_go_to_its_own_host_alone() -> None:
    talk = says(http("200 OK", RECORD, "Set-Cookie: dogweb=1; Path=/"))
    async with raw_server(talk) as primary, raw_server(talk) as secondary:
        async with world(secondary, other=primary.url) as orgs:
            await asyncio.gather(*(orgs.read(role) for role in Role), *(orgs.identify(role) for role in Role))
            await asyncio.gather(orgs.write(draft(Role.PRIMARY)), orgs.write(draft(Role.SECONDARY)))
        to_primary, to_secondary = b"".join(primary.requests), b"".join(secondary.requests)
    assert len(primary.requests) == len(secondary.requests) == 3
    for name, key in KEYS.items():
        assert (key.encode() in to_primary) is name.startswith("P_")
        assert (key.encode() in to_secondary) is name.startswith("S_")
    assert b"cookie" not in (to_primary + to_secondary).lower()


async def test_one_connection_serves_the_read_the_write_and_the_read_back() -> None:
    async with raw_server(says(http("200 OK", RECORD))) as server, world(server) as orgs:
        await orgs.read(Role.SECONDARY)
        await orgs.write(draft())
        reading = await orgs.read(Role.SECONDARY)
        assert server.connections == 1
    assert isinstance(reading.sight, Present)
    assert reading.sight.status is Status.FAILOVER


async def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    async with raw_server(says(http("200 OK", RECORD), on=False)) as server, world(server) as orgs:
        for _ in range(3):
            assert (await orgs.read(Role.SECONDARY)).status is Status.FAILOVER
            await asyncio.sleep(0.005)  # until the closing has come through
        assert server.connections == 3


async def test_law_05_a_kept_connection_that_dies_under_a_write_leaves_it_unknown() -> None:
    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        if request.startswith(b"POST"):
            reset(writer)
            return False
        writer.write(http("200 OK", RECORD))
        return True

    async with raw_server(talk) as server, world(server) as orgs:
        await orgs.read(Role.SECONDARY)
        assert isinstance(await orgs.write(draft()), Lost)
        assert (server.connections, len(server.requests)) == (1, 2)


async def test_a_read_and_a_write_do_not_wait_for_each_other() -> None:
    both_there = asyncio.Barrier(2)

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        await both_there.wait()
        writer.write(http("200 OK", RECORD))
        return True

    roomy = replace(SHORT, total=timedelta(seconds=5), read=timedelta(seconds=5))
    async with raw_server(talk) as server, world(server, roomy) as orgs:
        reading, answer = await asyncio.gather(orgs.read(Role.SECONDARY), orgs.write(draft()))
    assert reading.status is Status.FAILOVER
    assert isinstance(answer, Accepted)


async def test_cancelling_closes_the_connection_and_is_raised() -> None:
    there = asyncio.Event()

    async def talk(_: bytes, __: asyncio.StreamWriter) -> bool:
        there.set()
        await asyncio.sleep(30)
        return False

    async with raw_server(talk) as server, world(server, Timeouts()) as orgs:
        task = asyncio.create_task(orgs.write(draft()))
        await asyncio.wait_for(there.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
