"""What each answer reads as, and what each write comes to; without a network."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import httpx
import pytest

from orchestrator.datadog import HttpReader, HttpWorld
from orchestrator.datadog.transport import ANEW
from orchestrator.errors import KeyUnavailable
from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Reader
from orchestrator.model.readiness import KeysSaid
from orchestrator.model.reading import (
    Absent,
    Accepted,
    Answer,
    Denied,
    Hampered,
    Identity,
    Lost,
    NotSent,
    Present,
    Reading,
    Rejected,
    Request,
    Throttled,
    Trouble,
    Unreachable,
    Unreadable,
    Unrecognised,
)
from orchestrator.model.status import Both, Role, Status
from orchestrator.system.clock import SystemClock
from tests.steps import typed

from .orgs import KEYS, PATIENT, PRIMARY_UUID, WRITTEN, client, draft, pair_at

pytestmark = pytest.mark.anyio

Handler = Callable[[httpx.Request], httpx.Response]
RECORD = b'{"data": {"id": "550e8400-e29b-41d4-a716-446655440000", "type": "hamr_org_connections", "attributes": {"hamr_status": %s}}}'
NOT_FOUND = b'{"errors": [{"status": "404", "title": "Not Found"}]}'
PAIR = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
HALF = {"P_API": KEYS["P_API"], "S_APP": KEYS["S_APP"]}


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nothing should have been sent to {request.url}")


A = TypeVar("A", HttpReader, HttpWorld)


def on(
    kind: type[A],
    handler: Handler,
    held: Mapping[str, str] = KEYS,
    *,
    secondary: Handler | None = None,
    timeouts: Timeouts = PATIENT,
) -> A:
    both = Both(httpx.MockTransport(handler), httpx.MockTransport(secondary or handler))
    return client(kind, PAIR, held, timeouts=timeouts, transports=both)


world, reader_on = partial(on, HttpWorld), partial(on, HttpReader)


async def read(handler: Handler) -> Reading:
    async with world(handler, secondary=never) as orgs:
        return await orgs.read(Role.PRIMARY)


async def write(handler: Handler) -> Answer:
    async with world(never, secondary=handler) as orgs:
        return await orgs.write(draft(Role.SECONDARY))


def answering(status: int, content: bytes = b"", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, content=content, headers=named)


def raising(error: Exception) -> Handler:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    return handler


def noting(seen: list[httpx.Request], status: int, content: bytes) -> Handler:
    """Answers so, and notes what was asked."""

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, content=content)

    return handler


async def test_a_get_carries_the_documented_headers_and_nothing_of_httpx() -> None:
    seen: list[httpx.Request] = []
    await read(noting(seen, 200, RECORD % b"2"))
    (request,) = seen
    assert (request.method, str(request.url)) == ("GET", "https://api.datadoghq.com/api/v2/hamr")
    assert dict(request.headers) == {
        "host": "api.datadoghq.com",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "hamr-orchestrator/0.1.0",
        "dd-api-key": KEYS["P_API"],
        "dd-application-key": KEYS["P_APP"],
    }


async def test_a_post_carries_the_described_body_and_the_orgs_own_keys() -> None:
    seen: list[httpx.Request] = []
    async with world(never, secondary=noting(seen, 200, RECORD % b"3")) as orgs:
        described = orgs.describe(draft(Role.SECONDARY))
        await orgs.write(draft(Role.SECONDARY))
    (request,) = seen
    assert described == Request(
        "POST",
        "https://api.us5.datadoghq.com/api/v2/hamr",
        WRITTEN,
    )
    assert (request.method, str(request.url)) == (described.method, described.url)
    assert json.loads(request.content) == described.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["dd-api-key"] == KEYS["S_API"]
    assert request.headers["dd-application-key"] == KEYS["S_APP"]


async def test_a_known_status_is_present() -> None:
    handler = answering(200, RECORD % b"4", Date="Sun, 22 Nov 2026 03:15:30 GMT", X_Request_Id="abc-123")
    reading = await read(handler)
    assert isinstance(reading.sight, Present)
    assert (reading.sight.status, reading.sight.record.org_uuid) == (Status.ACTIVE, PRIMARY_UUID)
    assert reading.role is Role.PRIMARY
    assert reading.exchange.http_status == 200
    assert reading.exchange.server_date == datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)
    assert reading.exchange.request_id == "abc-123"
    assert reading.exchange.excerpt == ""
    assert reading.exchange.seconds >= 0


async def test_an_unknown_status_is_unrecognised() -> None:
    reading = await read(answering(200, RECORD % b"9"))
    assert isinstance(reading.sight, Unrecognised)
    assert reading.sight.record.status == 9


async def test_the_apis_own_404_is_absent() -> None:
    assert (await read(answering(404, NOT_FOUND))).sight == Absent()


SIGN_IN = (
    "sign in to this network, have the API's host allowed by its proxy or inspection, or try another network"
)


def by_another(said: str) -> Hampered:
    return Hampered(f"a proxy or middlebox answered, not Datadog's API ({said})", SIGN_IN, Trouble.MIDDLEBOX)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (
            answering(404, b"<html><title>Not here</title></html>"),
            Unreadable(
                "HTTP 404: an HTML page: Not here, which is not how the API says that there is no connection"
            ),
        ),
        (
            answering(404),
            Unreadable("HTTP 404, which is not how the API says that there is no connection"),
        ),
        (answering(401, b'{"errors": ["Unauthorized"]}'), Denied("HTTP 401: Unauthorized")),
        (
            answering(403, b'{"errors": [{"title": "Forbidden", "detail": "no permission"}]}'),
            Denied("HTTP 403: Forbidden: no permission"),
        ),
        (answering(408), Unreachable("HTTP 408")),
        (answering(429, b'{"errors": ["Too many requests"]}'), Unreachable("HTTP 429: Too many requests")),
        (
            answering(502, b"<html><title>Bad Gateway</title>"),
            Unreachable("HTTP 502: an HTML page: Bad Gateway"),
        ),
        (answering(512), Unreachable("HTTP 512")),
        (
            answering(302, Location="https://elsewhere.example/login?token=x"),
            Hampered(
                "a proxy or middlebox answered, not Datadog's API, which never redirects (HTTP 302 to "
                "elsewhere.example)",
                f"{SIGN_IN}; or correct site or url in pairs.yaml",
                Trouble.MIDDLEBOX,
            ),
        ),
        (answering(304), Unreadable("HTTP 304")),
        (
            answering(403, b"<html><title>Blocked</title></html>"),
            by_another("HTTP 403: an HTML page: Blocked"),
        ),
        (
            answering(401, b"please sign in", **{"Content-Type": "text/html; charset=utf-8"}),
            by_another("HTTP 401: please sign in"),
        ),
        (
            answering(407, b"no"),
            Hampered("a proxy answered, not Datadog's API (HTTP 407: no)", SIGN_IN, Trouble.MIDDLEBOX),
        ),
        (
            answering(403, b'{"errors": ["Forbidden"]}', **{"Content-Type": "text/html"}),
            Denied("HTTP 403: Forbidden"),
        ),
        (
            answering(511),
            Hampered("this network wants a sign-in first (HTTP 511)", SIGN_IN, Trouble.MIDDLEBOX),
        ),
        (answering(204), Unreadable("HTTP 204")),
        (answering(200), Unreadable("the answer is not a HAMR record: it is empty")),
        (answering(200, b"<html>"), by_another("HTTP 200: an HTML page")),
        (
            answering(200, b"\n<!DOCTYPE html><title>Sign in</title>"),
            by_another("HTTP 200: an HTML page: Sign in"),
        ),
        (answering(200, b"NaN"), Unreadable("the answer is not a HAMR record: it is not JSON")),
        (
            answering(200, b'{"data": {"attributes": {"hamr_status": 2, "hamr_status": 4}}}'),
            Unreadable("the answer is not a HAMR record: it gives one key two values"),
        ),
        (
            answering(200, b'{"data": {"attributes": {}}, "meta": {}, "meta": {}}'),
            Unreadable("the answer is not a HAMR record: it has no id"),
        ),
        (answering(200, b"[" * 100_000), Unreadable("the answer is not a HAMR record: it is not JSON")),
        (
            answering(200, RECORD % b'"2"'),
            Unreadable("the answer is not a HAMR record: its hamr_status is a text, not a whole number"),
        ),
        (
            answering(200, b"x" * (1024 * 1024 + 1)),
            Unreadable(f"HTTP 200: {'x' * 299}…: the answer is larger than 1024 KiB"),
        ),
        (raising(httpx.ConnectError("refused")), Unreachable("no connection: refused")),
        (raising(httpx.ConnectTimeout("")), Unreachable("no connection within 20 s")),
        (raising(httpx.ReadTimeout("")), Unreachable("no answer for 20 s")),
        (
            raising(httpx.RemoteProtocolError("Server disconnected")),
            Unreachable("the answer broke off or was no HTTP: Server disconnected"),
        ),
        (
            raising(OSError(28, "No space left on device")),
            Unreachable("the exchange failed: No space left on device"),
        ),
    ],
)
async def test_what_is_no_record_is_a_reading_of_its_own(handler: Handler, expected: object) -> None:
    assert (await read(handler)).sight == expected


async def test_an_unusable_body_leaves_its_beginning() -> None:
    reading = await read(answering(502, b"upstream says no"))
    assert reading.exchange.excerpt == "upstream says no"


def packed(encoding: str, *pieces: bytes) -> Handler:
    async def chunks() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": encoding}, content=chunks())

    return handler


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


PASSIVE = RECORD % b"2"
GZIPPED = gzip.compress(PASSIVE)


@pytest.mark.parametrize(
    "handler",
    [
        packed("gzip", GZIPPED),
        packed("X-Gzip, identity", GZIPPED[:7], GZIPPED[7:40], GZIPPED[40:]),
        packed("deflate", zlib.compress(PASSIVE)),
        packed("deflate", raw_deflate(PASSIVE)),
        packed("identity", b"\xef\xbb\xbf" + PASSIVE),
    ],
    ids=["gzip", "in pieces", "deflate", "raw deflate", "byte order mark"],
)
async def test_an_answer_that_is_compressed_unasked_is_unpacked(handler: Handler) -> None:
    reading = await read(handler)
    assert reading.status is Status.PASSIVE


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (packed("br", b"x"), "the answer is compressed (br), which was not asked for"),
        (packed("gzip, gzip", b"x"), "the answer is compressed (gzip and gzip), which was not asked for"),
        (packed("z_<b>", b"x"), "the answer is compressed (z??b?), which was not asked for"),
        (packed("gzip", b"no gzip"), "the answer is said to be compressed, and cannot be unpacked"),
        (packed("gzip", GZIPPED[:-9]), "the answer is compressed, and its end is missing"),
    ],
)
async def test_an_answer_that_cannot_be_unpacked_says_why(handler: Handler, reason: str) -> None:
    sight = (await read(handler)).sight
    assert isinstance(sight, Unreadable)
    assert sight.reason.endswith(reason)


async def test_an_answer_that_grows_beyond_bounds_when_unpacked_is_refused() -> None:
    bomb = gzip.compress(b" " * 100_000_000, compresslevel=1)
    assert len(bomb) < 1024 * 1024
    sight = (await read(packed("gzip", bomb))).sight
    assert sight == Unreadable("HTTP 200: the answer is larger than 1024 KiB")


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (answering(200, RECORD % b"3"), Accepted),
        (answering(202), Accepted),
        (answering(200, b"<html>"), Accepted),
        (answering(200, b"x" * (1024 * 1024 + 1)), Accepted),
        (answering(301, Location="https://elsewhere.example"), Lost),
        (answering(307, Location="https://elsewhere.example"), Lost),
        (answering(400, b'{"errors": ["Bad Request"]}'), Rejected),
        (answering(401), Rejected),
        (answering(403), Rejected),
        (answering(404), Rejected),
        (answering(409), Rejected),
        (answering(499), Rejected),
        (answering(429), Throttled),
        (answering(408), Lost),
        (answering(500), Lost),
        (answering(502, b"<html>"), Lost),
        (answering(504), Lost),
        (answering(512), Lost),
        (answering(999), Lost),
        (raising(httpx.ConnectError("refused")), NotSent),
        (raising(httpx.ConnectTimeout("")), NotSent),
        (raising(httpx.PoolTimeout("")), NotSent),
        (raising(httpx.ProxyError("407 Proxy Authentication Required")), NotSent),
        (raising(httpx.ReadTimeout("")), Lost),
        (raising(httpx.ReadError("")), Lost),
        (raising(httpx.WriteTimeout("")), Lost),
        (raising(httpx.WriteError("")), Lost),
        (raising(httpx.CloseError("")), Lost),
        (raising(httpx.RemoteProtocolError("Server disconnected")), Lost),
        (raising(httpx.LocalProtocolError("")), Lost),
        (raising(OSError(32, "Broken pipe")), Lost),
    ],
)
async def test_law_05_every_write_is_accepted_refused_not_sent_or_unknown(
    handler: Handler, outcome: type[Answer]
) -> None:
    assert type(await write(handler)) is outcome


async def test_an_accepted_write_shows_the_record_of_its_body() -> None:
    answer = await write(answering(200, RECORD % b"3"))
    assert isinstance(answer, Accepted)
    assert answer.record is not None
    assert answer.record.status == 3


async def test_an_accepted_write_with_a_strange_body_is_accepted() -> None:
    answer = await write(answering(200, b"OK"))
    assert isinstance(answer, Accepted)
    assert answer.record is None
    assert answer.exchange.excerpt == "OK"


async def test_a_refused_write_says_why() -> None:
    answer = await write(answering(400, b'{"errors": [{"detail": "bad status"}]}'))
    assert isinstance(answer, Rejected)
    assert answer.reason == "HTTP 400: bad status"


async def test_a_forbidden_write_names_the_permission_that_nothing_else_shows_to_be_missing() -> None:
    answer = await write(answering(403, b'{"errors": ["Forbidden"]}'))
    assert isinstance(answer, Rejected)
    assert (
        answer.reason
        == "HTTP 403: Forbidden; the owner of its application key needs disaster_recovery_status_write"
    )


async def test_a_throttled_write_says_for_how_long() -> None:
    answer = await write(answering(429, X_RateLimit_Reset="7"))
    assert isinstance(answer, Throttled)
    assert answer.retry_after == 7.0


async def test_a_time_out_without_a_trace_counts_as_sent() -> None:
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async with world(handler) as orgs:  # type: ignore[arg-type]
        answer = await orgs.write(draft(), within=0.4)
    assert isinstance(answer, Lost)
    assert answer.reason == "no answer within 0.4 s"


async def test_no_time_left_sends_nothing() -> None:
    async with world(never) as orgs:
        answer = await orgs.write(draft(), within=0.0)
        reading = await orgs.read(Role.PRIMARY, within=-1.0)
    assert isinstance(answer, NotSent)
    assert reading.sight == Unreachable("no time was left for it")


async def test_cancelling_is_not_an_outcome() -> None:
    begun = asyncio.Event()

    async def handler(_: httpx.Request) -> httpx.Response:
        begun.set()
        await asyncio.sleep(30)
        raise AssertionError

    async with world(handler, timeouts=Timeouts()) as orgs:  # type: ignore[arg-type]
        task = asyncio.create_task(orgs.write(draft()))
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (
            200,
            b'{"data": {"id": "550e8400-e29b-41d4-a716-446655440000"}}',
            Identity(Role.PRIMARY, PRIMARY_UUID),
        ),
        (403, b'{"errors": ["Forbidden"]}', Identity(Role.PRIMARY, None, "HTTP 403: Forbidden")),
        (404, b"", Identity(Role.PRIMARY, None, "HTTP 404")),
        (500, b"<html>", Identity(Role.PRIMARY, None, "HTTP 500: an HTML page")),
        (200, b"[]", Identity(Role.PRIMARY, None, "the answer to validate does not name an org")),
        (
            200,
            b'{"data": {"id": 7}}',
            Identity(Role.PRIMARY, None, "the answer to validate does not name an org"),
        ),
        (200, b"?", Identity(Role.PRIMARY, None, "the answer to validate cannot be used: it is not JSON")),
    ],
)
async def test_validate_tells_whose_keys_they_are(status: int, content: bytes, expected: Identity) -> None:
    async with world(answering(status, content)) as orgs:
        assert await orgs.identify(Role.PRIMARY) == expected


@pytest.mark.parametrize("status", [503, 429, 408])
async def test_law_21_whose_keys_they_are_is_asked_again_after_an_answer_that_is_none(status: int) -> None:
    anew: list[bool] = []

    def handler(request: httpx.Request) -> httpx.Response:
        anew.append(request.extensions[ANEW])
        if len(anew) == 1:
            return httpx.Response(status)
        return httpx.Response(200, content=b'{"data": {"id": "%s"}}' % PRIMARY_UUID.encode())

    async with world(handler, secondary=never) as orgs:
        assert (await orgs.identify(Role.PRIMARY)).uuid == PRIMARY_UUID
    assert anew == [False, True]


async def test_validate_is_asked_with_the_api_key_alone() -> None:
    seen: list[httpx.Request] = []
    handler = noting(seen, 200, json.dumps({"data": {"id": PRIMARY_UUID}}).encode())
    async with world(handler, {"P_API": KEYS["P_API"]}) as orgs:
        await orgs.identify(Role.PRIMARY)
    assert str(seen[0].url) == "https://api.datadoghq.com/api/v2/validate"
    assert seen[0].headers["dd-api-key"] == KEYS["P_API"]
    assert "dd-application-key" not in seen[0].headers


async def test_a_missing_key_is_told_and_nothing_is_sent() -> None:
    async with world(never, HALF) as orgs:
        reading = await orgs.read(Role.PRIMARY)
        answer = await orgs.write(draft(Role.SECONDARY))
        identity = await orgs.identify(Role.SECONDARY)
    assert reading.sight == Hampered(
        "environment variable P_APP is not set",
        "set what is missing or correct what is wrong with it (export VARIABLE=…, or put the file there)",
        Trouble.KEYS,
    )
    assert reading.keyless
    assert isinstance(answer, NotSent)
    said = "The API key of Payments DR (secondary) cannot be used: environment variable S_API is not set."
    assert answer.reason == said
    assert identity == Identity(Role.SECONDARY, None, said)


async def test_missing_keys_are_named_all_at_once() -> None:
    async with world(never, HALF) as orgs:
        with pytest.raises(KeyUnavailable) as caught:
            await orgs.require_keys()
    assert caught.value.message == (
        "2 keys cannot be used: environment variables P_APP and S_API are not set."
    )
    assert len(typed(caught.value.next_steps)) == 2


async def test_an_environment_that_was_not_loaded_is_one_problem() -> None:
    async with world(never, {}) as orgs:
        reading = await orgs.read(Role.PRIMARY)
        with pytest.raises(KeyUnavailable) as caught:
            await orgs.require_keys()
    assert reading.reason == "environment variables P_API and P_APP are not set"
    assert caught.value.message == (
        "4 keys cannot be used: environment variables P_API, P_APP, S_API and S_APP are not set."
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_law_02_a_readers_transports_send_nothing_but_gets(method: str) -> None:
    async with reader_on(never) as reader:
        for client in reader._orgs:
            with pytest.raises(RuntimeError, match="a plan reads only"):
                await client.transport.handle_async_request(
                    httpx.Request(method, "https://api.datadoghq.com")
                )


async def test_law_02_a_reader_cannot_write_even_by_its_insides() -> None:
    async with reader_on(never) as reader:
        assert not hasattr(reader, "write")
        with pytest.raises(RuntimeError, match="was not sent"):
            await reader._orgs.primary.write(
                Request("POST", "https://api.datadoghq.com/api/v2/hamr", {}), None
            )


async def test_a_reader_reads() -> None:
    absent = answering(404, NOT_FOUND)
    async with reader_on(answering(200, RECORD % b"2"), secondary=absent) as reader:
        plan_reader: Reader = reader
        assert (await plan_reader.read(Role.PRIMARY)).status is Status.PASSIVE
        assert (await plan_reader.read(Role.SECONDARY)).status is Status.ABSENT
        await reader.require_keys()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"status": "ok"}', KeysSaid(Role.PRIMARY, valid=True)),
        (
            403,
            b'{"errors": ["Forbidden"]}',
            KeysSaid(Role.PRIMARY, valid=False, reason="HTTP 403: Forbidden"),
        ),
        (401, b"", KeysSaid(Role.PRIMARY, valid=False, reason="HTTP 401")),
        (500, b"", KeysSaid(Role.PRIMARY, None, "HTTP 500")),
        (302, b"", KeysSaid(Role.PRIMARY, None, "HTTP 302")),
    ],
)
async def test_validate_keys_is_asked_with_both_keys_and_only_a_refusal_is_a_no(
    status: int, body: bytes, expected: KeysSaid
) -> None:
    asked: list[httpx.Request] = []
    async with reader_on(noting(asked, status, body), secondary=never) as reader:
        assert await reader.validate_keys(Role.PRIMARY) == expected
    (request,) = asked
    assert (request.method, request.url.path) == ("GET", "/api/v2/validate_keys")
    assert request.headers["dd-api-key"] == KEYS["P_API"]
    assert request.headers["dd-application-key"] == KEYS["P_APP"]


async def test_validate_keys_without_an_answer_or_a_key_is_not_a_no() -> None:
    ring = {name: key for name, key in KEYS.items() if name != "S_APP"}
    async with reader_on(raising(httpx.ConnectError("refused")), ring, secondary=never) as reader:
        assert (await reader.validate_keys(Role.PRIMARY)).valid is None
        unasked = await reader.validate_keys(Role.SECONDARY)
    assert unasked.valid is None
    assert "environment variable S_APP is not set" in unasked.reason


async def test_law_06_a_transport_that_tells_of_no_connection_is_not_cut_off_when_a_write_may_not_leave_any_more() -> (
    None
):
    async def slowly(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.5)
        return httpx.Response(200)

    async with world(slowly) as orgs:  # type: ignore[arg-type]
        answer = await orgs.write(draft(Role.SECONDARY), within=20, leave_by=SystemClock().monotonic() + 0.4)
    assert isinstance(answer, Accepted)
