"""Connections that are slow to stand, or that died without a word: nothing stale is sent, nothing living looks dead."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.datadog import HttpWorld
from orchestrator.datadog.connections import RATHER_WAIT, Pool
from orchestrator.model.org import CommandKey, FileKey, Pair
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import (
    Accepted,
    Denied,
    Hampered,
    Lost,
    NotSent,
    Rejected,
    Trouble,
    Unreachable,
)
from orchestrator.model.status import Both, Role, Status
from orchestrator.system.clock import SystemClock
from tests.clock import HandClock

from .orgs import PATIENT, client, draft, pair_at
from .servers import CA, http, raw_server, says, slow_way

pytestmark = pytest.mark.anyio

PASSIVE = http(
    "200 OK", b'{"data": {"id": "u", "type": "hamr_org_connections", "attributes": {"HamrStatus": 2}}}'
)
DENIED = http("401 Unauthorized", b'{"errors": ["Unauthorized"]}')
NOWHERE = "http://127.0.0.1:9"


def world(
    url: str, *, clock: Clock | None = None, ca: str | None = CA, pair: Pair | None = None
) -> HttpWorld:
    there = pair or pair_at(NOWHERE, url)
    orgs = Both(there.orgs.primary, replace(there.orgs.secondary, ca=ca))
    return client(HttpWorld, replace(there, orgs=orgs), timeouts=PATIENT, clock=clock)


answers = says(PASSIVE)


def posts(requests: list[bytes]) -> int:
    return sum(1 for request in requests if request.startswith(b"POST"))


# Law 6: nothing leaves later than its check is good for.


async def test_law_06_a_write_whose_connection_took_too_long_is_not_sent() -> None:
    clock = HandClock()

    async def twelve_seconds() -> None:
        clock.advance(12)

    async with (
        raw_server(answers, "server.pem") as server,
        slow_way(server.url, twelve_seconds) as url,
        world(url, clock=clock) as orgs,
    ):
        late = await orgs.write(draft(), leave_by=clock.seconds + 5)
        assert isinstance(late, NotSent)
        assert late.reason == "the connection took longer than the check is good for; it was not sent"
        assert posts(server.requests) == 0
        await orgs.read(Role.SECONDARY)
        sent = await orgs.write(draft(), leave_by=clock.seconds + 5)
        assert isinstance(sent, Accepted)
        assert posts(server.requests) == 1


async def test_law_18_a_write_does_not_leave_after_a_suspension_while_its_connection_was_made() -> None:
    clock = HandClock()

    async def asleep() -> None:
        clock.wall += timedelta(seconds=60)

    async with (
        raw_server(answers, "server.pem") as server,
        slow_way(server.url, asleep) as url,
        world(url, clock=clock) as orgs,
    ):
        late = await orgs.write(draft(), leave_by=clock.seconds + 5)
        assert isinstance(late, NotSent)
        assert posts(server.requests) == 0
        await orgs.read(Role.SECONDARY)
        assert isinstance(await orgs.write(draft(), leave_by=clock.seconds + 5), Accepted)


async def test_law_06_a_connection_that_was_closed_meanwhile_is_not_opened_again_for_a_stale_write() -> None:
    answers_once = says(PASSIVE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1), on=False)
    clock = HandClock()

    async def twelve_seconds() -> None:
        clock.advance(12)

    async with (
        raw_server(answers_once, "server.pem") as server,
        slow_way(server.url, twelve_seconds) as url,
        world(url, clock=clock) as orgs,
    ):
        assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE
        answer = await orgs.write(draft(), leave_by=clock.seconds + 5)
    assert isinstance(answer, NotSent)
    assert posts(server.requests) == 0


async def test_law_06_connecting_for_a_write_ends_when_it_may_not_leave_any_more() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    clock = SystemClock()
    async with (
        raw_server(answers, "server.pem") as server,
        slow_way(server.url, never) as url,
        world(url) as orgs,
        asyncio.timeout(10),
    ):
        answer = await orgs.write(draft(), leave_by=clock.monotonic() + 0.2)
    assert isinstance(answer, NotSent)
    assert answer.reason == "the connection took longer than the check is good for; it was not sent"


async def test_law_06_a_write_whose_keys_took_too_long_is_not_sent() -> None:
    pair = pair_at(NOWHERE, NOWHERE)
    slow = CommandKey(("sleep", "30"), timedelta(seconds=30))
    pair = replace(pair, orgs=Both(pair.orgs.primary, replace(pair.orgs.secondary, api_key=slow)))
    async with world(NOWHERE, pair=pair) as orgs, asyncio.timeout(10):
        answer = await orgs.write(draft(), leave_by=SystemClock().monotonic() + 0.2)
    assert isinstance(answer, NotSent)
    assert answer.reason == "its keys took longer than the check is good for; it was not sent"


async def test_law_09_keys_of_a_dead_org_are_waited_for_no_longer_than_its_deadline() -> None:
    pair = pair_at(NOWHERE, NOWHERE)
    slow = CommandKey(("sleep", "30"), timedelta(seconds=30))
    pair = replace(pair, orgs=Both(replace(pair.orgs.primary, api_key=slow), pair.orgs.secondary))
    async with world(NOWHERE, pair=pair) as orgs, asyncio.timeout(10):
        reading = await orgs.read(Role.PRIMARY, within=0.2)
        identity = await orgs.identify(Role.PRIMARY, within=0.2)
        answer = await orgs.write(draft(Role.PRIMARY), within=0.2)
    why = "its keys were not there within 0.2 s"
    assert reading.sight == Unreachable(why)
    assert identity.uuid is None
    assert isinstance(answer, NotSent)
    assert answer.reason == why


async def test_law_06_a_write_that_left_in_time_may_be_answered_later() -> None:
    left = asyncio.Event()

    async def slowly(_: bytes, writer: asyncio.StreamWriter) -> bool:
        left.set()
        await asyncio.sleep(0.3)
        writer.write(PASSIVE)
        return True

    async with raw_server(slowly) as server, world(server.url) as orgs:
        answer = await orgs.write(draft(), leave_by=SystemClock().monotonic() + 0.2)
    assert left.is_set()
    assert isinstance(answer, Accepted)


# Kept connections that something on the way forgot.


class Forgetful(Struct):
    """A server whose first connection is forgotten by the way to it, once it was used."""

    first: asyncio.StreamWriter | None = None
    used: int = 0
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        self.first = self.first or writer
        if writer is self.first:
            self.used += 1
            if self.used > 1:
                self.silent.set()
                await asyncio.Event().wait()
        return await answers(request, writer)


async def test_a_read_on_a_kept_connection_that_died_is_made_on_a_new_one_within_its_deadline() -> None:
    way = Forgetful()
    async with raw_server(way.talk) as server, world(server.url) as orgs:
        await orgs.read(Role.SECONDARY)
        again = await orgs.read(Role.SECONDARY, within=1.0)
        assert again.status is Status.PASSIVE
        assert way.silent.is_set()
        answer = await orgs.write(draft())
        assert isinstance(answer, Accepted)
        assert (server.connections, posts(server.requests)) == (2, 1)


async def test_a_kept_connection_that_is_only_slow_still_answers() -> None:
    second = asyncio.Event()
    served: list[asyncio.StreamWriter] = []

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        served.append(writer)
        turn = len(served)
        if turn == 2:  # the kept connection answers once the new one was asked, too
            await second.wait()
        if turn == 3:
            second.set()
            await asyncio.Event().wait()
        return await answers(request, writer)

    async with raw_server(talk) as server, world(server.url) as orgs:
        await orgs.read(Role.SECONDARY)
        assert (await orgs.read(Role.SECONDARY, within=2.0)).status is Status.PASSIVE
        assert served[0] is served[1]
        assert served[2] is not served[0]


async def test_an_org_that_answers_on_no_connection_is_given_up_at_its_deadline() -> None:
    served: list[asyncio.StreamWriter] = []

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        served.append(writer)
        if len(served) > 1:
            await asyncio.Event().wait()
        return await answers(request, writer)

    async with raw_server(talk) as server, world(server.url) as orgs:
        await orgs.read(Role.SECONDARY)
        assert (await orgs.read(Role.SECONDARY, within=0.4)).sight == Unreachable("no answer within 0.4 s")
    assert len(served) == 3


@pytest.mark.parametrize("what", ["GET", "POST"])
async def test_law_05_a_kept_connection_that_breaks_is_asked_anew_by_reads_alone(what: str) -> None:
    served: list[asyncio.StreamWriter] = []

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        served.append(writer)
        if len(served) == 2:
            return False
        return await answers(request, writer)

    async with raw_server(talk) as server, world(server.url) as orgs:
        await orgs.read(Role.SECONDARY)
        if what == "GET":
            assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE
        else:
            assert isinstance(await orgs.write(draft()), Lost)
            assert posts(server.requests) == 1


async def test_a_write_after_one_that_was_lost_goes_over_a_connection_that_nothing_went_over() -> None:
    served: list[asyncio.StreamWriter] = []

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        served.append(writer)
        return served.count(writer) == 1 and await answers(request, writer)

    async with raw_server(talk) as server, world(server.url) as orgs:
        await orgs.read(Role.SECONDARY)
        assert isinstance(await orgs.write(draft()), Lost), "that server closes without a word"
        await orgs.read(Role.SECONDARY)
        assert isinstance(await orgs.write(draft()), Accepted)
        assert posts(server.requests) == 2


async def test_a_read_may_want_a_new_connection_and_cuts_off_no_other() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        if b"/validate" in request:
            asked.set()
            await go_on.wait()
            writer.write(http("200 OK", b'{"data": {"id": "u"}}'))
            return True
        return await answers(request, writer)

    async with raw_server(talk) as server, world(server.url) as orgs:
        whose = asyncio.create_task(orgs.identify(Role.SECONDARY))
        await asked.wait()
        assert (await orgs.read(Role.SECONDARY, anew=True)).status is Status.PASSIVE
        assert (await orgs.read(Role.SECONDARY, anew=True)).status is Status.PASSIVE
        assert server.connections == 3
        await orgs.read(Role.SECONDARY)
        assert server.connections == 3
        go_on.set()
        assert (await whose).uuid == "u"


# Keys that were rotated meanwhile.


class Rotated(Struct):
    """A server that takes one key, and a file that holds one; both can change."""

    file: Path
    taken: str = "the0old0key0000000000000000000001"
    seen: list[bytes] = field(default_factory=list)

    def write(self, key: str) -> None:
        self.file.write_text(key)

    async def talk(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        self.seen.append(request)
        writer.write(PASSIVE if self.taken.encode() in request else DENIED)
        await writer.drain()
        return True

    def pair(self, url: str) -> Pair:
        pair = pair_at(NOWHERE, url)
        secondary = replace(pair.orgs.secondary, app_key=FileKey(str(self.file)))
        return replace(pair, orgs=Both(pair.orgs.primary, secondary))


NEW = "the0new0key0000000000000000000002"


async def test_a_read_that_is_denied_is_made_once_more_with_rotated_keys(tmp_path: Path) -> None:
    keys = Rotated(tmp_path / "key")
    keys.write(keys.taken)
    async with raw_server(keys.talk) as server, world(server.url, pair=keys.pair(server.url)) as orgs:
        assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE
        keys.taken = NEW
        assert isinstance((await orgs.read(Role.SECONDARY)).sight, Denied)
        assert len(keys.seen) == 2  # the file holds the same key: asking again would say the same
        keys.write(NEW)
        assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE
        assert len(keys.seen) == 4


async def test_a_write_that_is_denied_is_sent_once_and_the_next_one_has_the_rotated_keys(
    tmp_path: Path,
) -> None:
    keys = Rotated(tmp_path / "key")
    keys.write(keys.taken)
    async with raw_server(keys.talk) as server, world(server.url, pair=keys.pair(server.url)) as orgs:
        await orgs.read(Role.SECONDARY)
        keys.taken = NEW
        keys.write(NEW)
        denied = await orgs.write(draft())
        assert isinstance(denied, Rejected)
        assert denied.renewed
        assert denied.reason.endswith("; its keys have been rotated")
        assert posts(keys.seen) == 1
        assert isinstance(await orgs.write(draft()), Accepted)
        assert posts(keys.seen) == 2


async def test_a_write_that_is_denied_with_the_keys_that_there_are_is_refused_for_good(
    tmp_path: Path,
) -> None:
    keys = Rotated(tmp_path / "key")
    keys.write(keys.taken)
    async with raw_server(keys.talk) as server, world(server.url, pair=keys.pair(server.url)) as orgs:
        keys.taken = NEW
        denied = await orgs.write(draft())
        assert isinstance(denied, Rejected)
        assert not denied.renewed
        assert "rotated" not in denied.reason


# Trouble of this machine, not of the org (law 21).


@pytest.mark.parametrize(
    ("certificate", "ca", "why", "remedy"),
    [
        ("server.pem", None, "unable to get local issuer certificate", "as ca: FILE in pairs.yaml"),
        ("expired.pem", CA, "certificate has expired", "compare this machine's clock (date -u)"),
        ("elsewhere.pem", CA, "IP address mismatch", "something else answers for 127.0.0.1"),
    ],
)
async def test_law_21_a_certificate_that_is_not_trusted_is_this_machines_trouble(
    certificate: str, ca: str | None, why: str, remedy: str
) -> None:
    async with raw_server(answers, certificate) as server, world(server.url, ca=ca) as orgs:
        sight = (await orgs.read(Role.SECONDARY)).sight
        assert isinstance(sight, Hampered)
        assert sight.trouble is Trouble.TRUST
        assert sight.reason.startswith("this machine does not trust the certificate of 127.0.0.1: ")
        assert why in sight.reason
        assert remedy in sight.remedy
        assert (await orgs.identify(Role.SECONDARY)).reason == sight.reason
        assert isinstance(await orgs.write(draft()), NotSent)
    assert server.requests == []


def alert(number: int) -> bytes:
    """A fatal alert, in the place of the server's half of a TLS handshake."""
    return bytes((0x15, 3, 3, 0, 2, 2, number))


@pytest.mark.parametrize(
    ("greeting", "why", "hampered"),
    [
        (http("400 Bad Request", b"<html>speak plainly</html>"), "wrong version number", True),
        (alert(70), "tlsv1 alert protocol version", True),
        (alert(40), "sslv3 alert handshake failure", False),
    ],
    ids=["no TLS", "another version", "no host of that name"],
)
async def test_law_21_what_answers_without_the_apis_tls_is_in_its_place(
    greeting: bytes, why: str, hampered: bool
) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(5)
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with world(url, ca=CA) as orgs:
            sight = (await orgs.read(Role.SECONDARY)).sight
            assert isinstance(await orgs.write(draft()), NotSent)
    assert isinstance(sight, Hampered | Unreachable)
    assert sight.reason.endswith(f": {why}")
    assert isinstance(sight, Hampered) is hampered


@pytest.mark.parametrize("ca", ["/no/such/ca.pem", __file__])
async def test_law_09_a_ca_that_cannot_be_used_is_the_trouble_of_its_org_alone(ca: str) -> None:
    async with raw_server(answers, "server.pem") as server:
        there = pair_at(server.url, server.url)
        trusting = replace(there.orgs.primary, ca=CA)
        async with world(
            server.url, ca=ca, pair=replace(there, orgs=Both(trusting, there.orgs.secondary))
        ) as orgs:
            sight = (await orgs.read(Role.SECONDARY)).sight
            assert isinstance(sight, Hampered)
            assert (sight.trouble, ca in sight.reason) == (Trouble.TRUST, True)
            assert isinstance(await orgs.write(draft()), NotSent)
            assert server.requests == []
            await orgs.read(Role.PRIMARY)
            assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        (http("407 Proxy Authentication Required"), "put the proxy's user and password into HTTPS_PROXY"),
        (http("403 Blocked"), "correct HTTPS_PROXY"),
    ],
)
async def test_law_21_a_proxy_that_refuses_is_named_with_its_variable(
    answer: bytes, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with raw_server(says(answer, on=False)) as proxy:
        place = proxy.url.removeprefix("http://")
        monkeypatch.setenv("HTTPS_PROXY", f"http://ana:hunter2@{place}")
        async with world("https://api.datadoghq.com", ca=None) as orgs:
            sight = (await orgs.read(Role.SECONDARY)).sight
    said = answer.split(b"\r\n")[0].decode().removeprefix("HTTP/1.1 ")
    assert sight == Hampered(
        f"the proxy {place}, which HTTPS_PROXY names, refused: {said}",
        f"{first}, have api.datadoghq.com allowed there, or list it in NO_PROXY where no proxy is needed",
        Trouble.PROXY,
    )


async def test_a_proxy_that_cannot_reach_the_org_says_nothing_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with raw_server(says(http("503 Service Unavailable"), on=False)) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        async with world("https://api.datadoghq.com", ca=None) as orgs:
            sight = (await orgs.read(Role.SECONDARY)).sight
    assert sight == Unreachable("the proxy refused: 503 Service Unavailable")


async def test_law_21_a_proxy_that_cannot_be_reached_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://ana:hunter2@127.0.0.1:9")
    async with world("https://api.datadoghq.com", ca=None) as orgs:
        sight = (await orgs.read(Role.SECONDARY)).sight
    assert sight == Hampered(
        "the proxy 127.0.0.1:9, which ALL_PROXY names, cannot be reached: Connection refused",
        "correct ALL_PROXY, or list api.datadoghq.com in NO_PROXY where no proxy is needed",
        Trouble.PROXY,
    )


# Names with several addresses.


async def test_an_address_that_does_not_answer_does_not_hide_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with raw_server(answers) as server:
        port = int(server.url.rpartition(":")[2])

        def look_up(*_: object, **__: object) -> list[object]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("127.0.0.2", 9)), (*kind, ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        async with world(f"http://pair.example:{port}") as orgs:
            assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE


async def test_an_address_that_stays_silent_does_not_hide_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, given_up = httpcore.AnyIOBackend.connect_tcp, asyncio.Event()

    async def swallowed(self: httpcore.AnyIOBackend, host: str, *rest: Any) -> httpcore.AsyncNetworkStream:
        if host == "::1":
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()
        return await connect(self, host, *rest)

    async with raw_server(answers) as server:
        port = int(server.url.rpartition(":")[2])
        v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        v4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [v6, v6, v4])
        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", swallowed)
        async with world(f"http://pair.example:{port}") as orgs, asyncio.timeout(10):
            assert (await orgs.read(Role.SECONDARY)).status is Status.PASSIVE
    assert given_up.is_set()


def not_found(*_: object, **__: object) -> list[object]:
    raise socket.gaierror(-2, "Name or service not known")


async def test_law_21_a_name_that_is_not_known_here_is_trouble_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    async with world("http://pair.example") as orgs:
        sight = (await orgs.read(Role.SECONDARY)).sight
        assert isinstance(sight, Hampered)
        assert sight.trouble is Trouble.RESOLVER
        assert (
            sight.reason == "this machine's name servers do not know pair.example: Name or service not known"
        )
        assert "getent hosts pair.example" in sight.remedy
        assert isinstance(await orgs.write(draft()), NotSent)


async def test_a_name_without_an_address_may_be_the_orgs_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    async with world("http://pair.example") as orgs:
        assert (await orgs.read(Role.SECONDARY)).sight == Unreachable(
            "no connection: the name has no address"
        )
        assert isinstance(await orgs.write(draft()), NotSent)


class Gated(httpx.AsyncBaseTransport):
    """Answers when it is let, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate, self.more = asyncio.Event(), asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        self.more.set()
        await self.gate.wait()
        return httpx.Response(200, stream=httpx.ByteStream(b""))


async def test_what_can_wait_waits_a_moment_for_a_connection_and_holds_up_nothing() -> None:
    there = Gated()
    pool = Pool(lambda: there, None, "/api/v2/hamr")

    async def ask(path: str) -> None:
        response = await pool.handle_async_request(httpx.Request("GET", f"https://api.example{path}"))
        await response.aclose()

    first, second = (asyncio.create_task(ask(f"/api/v1/{name}")) for name in ("query", "events"))
    await asyncio.sleep(0)
    urgent = asyncio.create_task(ask("/api/v2/hamr"))
    await asyncio.sleep(0)
    assert there.asked == ["/api/v1/query", "/api/v2/hamr"]
    there.more.clear()
    async with asyncio.timeout(RATHER_WAIT * 20):  # one that is slow is not waited for without end
        await there.more.wait()
    assert there.asked[2] == "/api/v1/events"
    there.gate.set()
    await asyncio.gather(first, second, urgent)
    there.gate.clear()
    third = asyncio.create_task(ask("/api/v1/validate"))
    fourth = asyncio.create_task(ask("/api/v1/query"))
    await asyncio.sleep(0)
    assert len(there.asked) == 5, "three connections stand: one is left to what is urgent"
    there.gate.set()
    await asyncio.gather(third, fourth)
