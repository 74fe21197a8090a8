"""One event, posted to one org: what leaves, and what each answer comes to."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from orchestrator.model.org import CommandKey, EnvironmentKey, Pair
from orchestrator.model.playbook import Timeouts
from orchestrator.model.status import Both
from orchestrator.notices import Poster
from orchestrator.notices.posting import TIMEOUTS, Failed
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor
from tests.datadog.orgs import KEYS, SHORT, pair_at
from tests.datadog.servers import http, raw_server

from .facts import PAIR, P, S

pytestmark = pytest.mark.anyio

BODY = {"title": "hamr: payments stands at FAILOVER", "text": "é"}

Answering = Callable[[httpx.Request], httpx.Response]


def poster(answering: Answering, pair: Pair = PAIR) -> tuple[Poster, list[httpx.Request]]:
    """One whose orgs answer so, and what they were sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answering(request)

    redactor = Redactor()
    both: Both[httpx.AsyncBaseTransport] = Both(httpx.MockTransport(answer), httpx.MockTransport(answer))
    return Poster(pair, KeyRing(KEYS, redactor), redactor, SystemClock(), both), seen


async def test_an_event_goes_to_the_org_s_own_region_with_the_api_key_alone() -> None:
    posting, seen = poster(lambda _: httpx.Response(202, json={"status": "ok"}))
    assert await posting.post(S, BODY) is None
    assert len(seen) == 1
    request = seen[0]
    assert (request.method, str(request.url)) == ("POST", "https://api.us5.datadoghq.com/api/v1/events")
    assert request.headers["dd-api-key"] == "canary0secondary0api0key00000003"
    assert "dd-application-key" not in request.headers
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == BODY


@pytest.mark.parametrize(
    ("status", "body", "failed"),
    [
        (400, {"errors": ["text is too long"]}, Failed("HTTP 400: text is too long")),
        (403, {"errors": ["Forbidden"]}, Failed("HTTP 403: Forbidden")),
        (404, {"errors": ["Not Found"]}, Failed("HTTP 404: Not Found", no_such_place=True)),
        (429, {"errors": ["Bad Request"]}, Failed("HTTP 429: Bad Request")),
        (503, {}, Failed("HTTP 503: {}")),
        (307, {}, Failed("HTTP 307: {}")),
    ],
)
async def test_every_other_answer_is_a_failure_in_words_and_nothing_is_sent_again(
    status: int, body: object, failed: Failed
) -> None:
    posting, seen = poster(
        lambda _: httpx.Response(status, json=body, headers={"location": "https://evil.test"})
    )
    assert await posting.post(S, BODY) == failed
    assert len(seen) == 1


async def test_a_network_that_fails_is_a_failure_in_words() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    posting, _ = poster(broken)
    assert await posting.post(S, BODY) == Failed("no connection: refused")


async def test_a_key_that_cannot_be_had_is_a_failure_that_names_the_org_and_nothing_leaves() -> None:
    nowhere = replace(PAIR.orgs.secondary, api_key=EnvironmentKey("NOWHERE"))
    posting, seen = poster(lambda _: httpx.Response(202), replace(PAIR, orgs=PAIR.orgs.with_(S, nowhere)))
    assert await posting.post(S, BODY) == Failed(
        "The API key of Payments DR (secondary) cannot be used: environment variable NOWHERE is not set."
    )
    assert await posting.post(P, BODY) is None, "and only the key of the org that is told is asked for"
    assert [request.url.host for request in seen] == ["api.datadoghq.com"]


async def test_a_key_that_takes_long_counts_towards_the_deadline() -> None:
    slow = replace(
        PAIR.orgs.secondary, api_key=CommandKey((sys.executable, "-c", "import time; time.sleep(30)"))
    )
    posting, seen = poster(lambda _: httpx.Response(202), replace(PAIR, orgs=PAIR.orgs.with_(S, slow)))
    posting.timeouts = SHORT
    assert await posting.post(S, BODY) == Failed("its keys were not there within 0.15 s")
    assert seen == []


async def test_law_17_a_key_that_an_answer_echoes_is_not_passed_on() -> None:
    posting, _ = poster(lambda request: httpx.Response(400, text=request.headers["dd-api-key"]))
    assert await posting.post(S, BODY) == Failed("HTTP 400: [redacted]")


def test_the_deadlines_are_short() -> None:
    assert Timeouts(timedelta(seconds=2), timedelta(seconds=3), timedelta(seconds=3)) == TIMEOUTS


@asynccontextmanager
async def at(url: str, timeouts: Timeouts) -> AsyncIterator[Poster]:
    """A poster over the real network, to one place."""
    redactor = Redactor()
    posting = Poster(pair_at(url, url), KeyRing(KEYS, redactor), redactor, SystemClock(), timeouts=timeouts)
    try:
        yield posting
    finally:
        await posting.aclose()


async def test_a_silent_server_is_given_up_after_the_deadline() -> None:
    async def silence(_: bytes, __: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(60)
        return False

    async with raw_server(silence) as server, at(server.url, SHORT) as posting:
        assert await posting.post(S, BODY) == Failed("no answer for 0.05 s")
        assert len(server.requests) == 1


async def test_a_connection_of_its_own_is_kept_for_the_next_event_and_closed_in_the_end() -> None:
    async def accept(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(http("202 Accepted", b'{"status":"ok"}', "Content-Type: application/json"))
        await writer.drain()
        return True

    async with raw_server(accept) as server:
        async with at(server.url, TIMEOUTS) as posting:
            assert await posting.post(S, BODY) is None
            assert await posting.post(S, BODY) is None
            assert server.connections == 1
        assert posting.opened == {}
        assert server.requests[0].startswith(b"POST /api/v1/events HTTP/1.1\r\n")
