"""One event, posted to one org, and what each answer comes to; and whoever watches a run, never in its way."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from msgspec import Struct, field
from msgspec.structs import replace

from orchestrator.datadog.connections import open_transports
from orchestrator.datadog.transport import Transport
from orchestrator.errors import JournalUnavailable
from orchestrator.model.events import Event, NoticeFailed, NoticeSent, TransitionMade, Waiting
from orchestrator.model.journal import Head
from orchestrator.model.org import CommandKey, EnvironmentKey, Pair
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from orchestrator.model.status import Both, Role, Status
from orchestrator.notices import Notices, Poster
from orchestrator.notices.posting import TIMEOUTS, Failed
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.log import configure
from orchestrator.system.redaction import Redactor
from tests.datadog.orgs import KEYS, SHORT, pair_at
from tests.datadog.servers import http, raw_server, says

from .facts import PAIR, P, S, begun

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
    redactor, pair = Redactor(), pair_at(url, url)
    both = open_transports(pair.orgs)
    try:
        yield Poster(pair, KeyRing(KEYS, redactor), redactor, SystemClock(), both, timeouts=timeouts)
    finally:
        for transport in both:
            await transport.aclose()


async def test_a_silent_server_is_given_up_after_the_deadline() -> None:
    async def silence(_: bytes, __: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(60)
        return False

    silent = replace(
        TIMEOUTS, connect=timedelta(seconds=20), read=timedelta(seconds=0.1), total=timedelta(seconds=20)
    )
    async with raw_server(silence) as server, at(server.url, silent) as posting:
        assert await posting.post(S, BODY) == Failed("no answer for 0.1 s")
        assert len(server.requests) == 1


async def test_a_connection_is_kept_for_the_next_event() -> None:
    accepts = says(http("202 Accepted", b'{"status":"ok"}', "Content-Type: application/json"))
    async with raw_server(accepts) as server:
        async with at(server.url, TIMEOUTS) as posting:
            assert await posting.post(S, BODY) is None
            assert await posting.post(S, BODY) is None
            assert server.connections == 1
        assert server.requests[0].startswith(b"POST /api/v1/events HTTP/1.1\r\n")


FAILOVER = TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, 2.0, 2)
ACTIVE = TransitionMade("activate", Status.FAILOVER, Status.ACTIVE, 2.0, 2)
AT_FAILOVER, AT_ACTIVE = "hamr: payments stands at FAILOVER", "hamr: payments stands at ACTIVE"


class Posted(Poster, eq=False):
    """A poster that answers as it is told, and keeps what it was given."""

    answers: list[Failed | Exception | None] = field(default_factory=list)
    bodies: list[Mapping[str, JSON]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, role: Role, body: Mapping[str, JSON]) -> Failed | None:
        assert role is S
        self.bodies.append(body)
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def titles(self) -> list[JSON]:
        return [body["title"] for body in self.bodies]


def posted(*answers: Failed | Exception | None) -> Posted:
    redactor = Redactor()
    nowhere = httpx.MockTransport(lambda _: httpx.Response(404))
    there: Both[Transport] = Both(nowhere, nowhere)
    poster = Posted(PAIR, KeyRing({}, redactor), redactor, SystemClock(), there, answers=list(answers))
    poster.gate.set()
    return poster


class Journal(Struct):
    """What the notices see of a journal: its head, and a place for what came of them."""

    noted: list[Event] = field(default_factory=list)
    seq: int = 40
    broken: bool = False

    async def head(self) -> Head:
        self.check()
        return Head(self.seq, "ab" * 32)

    async def note(self, event: Event) -> None:
        self.check()
        self.seq += 1
        self.noted.append(event)

    def check(self) -> None:
        if self.broken:
            raise JournalUnavailable("the disk is full")


def watching(poster: Poster, journal: Journal | None = None) -> Notices:
    journal = journal or Journal()
    return Notices(begun(), [poster], poster.clock, head=journal.head, note=journal.note)


@pytest.fixture
def logged() -> io.StringIO:
    stream = io.StringIO()
    configure("json", "warning", stream)
    return stream


async def test_what_is_told_is_posted_in_order_with_the_head_at_that_time_and_noted() -> None:
    poster, journal = posted(), Journal()
    async with watching(poster, journal) as notices:
        notices.tell(FAILOVER)
        notices.tell(Waiting("the secondary to show ACTIVE", 1.0, S))
        notices.tell(ACTIVE)
    assert poster.titles == [AT_FAILOVER, AT_ACTIVE]
    for body, seq in zip(poster.bodies, (40, 41), strict=True):
        assert str(body["text"]).endswith(f"hamr audit verify --anchor {seq}:{'ab' * 32}")
    assert journal.noted == [
        NoticeSent(S, AT_FAILOVER, f"40:{'ab' * 32}"),
        NoticeSent(S, AT_ACTIVE, f"41:{'ab' * 32}"),
    ]


async def test_telling_only_queues_and_does_nothing_before_the_run_waits() -> None:
    poster, journal = posted(), Journal()
    async with watching(poster, journal) as notices:
        await asyncio.sleep(0)
        notices.tell(FAILOVER)
        assert (poster.bodies, journal.noted) == ([], [])


async def test_a_failure_is_noted_and_the_next_event_is_posted_all_the_same(logged: io.StringIO) -> None:
    poster, journal = posted(Failed("HTTP 503: busy")), Journal()
    async with watching(poster, journal) as notices:
        notices.tell(FAILOVER)
        notices.tell(ACTIVE)
    assert journal.noted == [
        NoticeFailed(S, AT_FAILOVER, "HTTP 503: busy"),
        NoticeSent(S, AT_ACTIVE, f"41:{'ab' * 32}"),
    ]
    assert "a notice could not be sent; the run goes on without it" in logged.getvalue()
    assert "HTTP 503: busy" in logged.getvalue()


async def test_a_person_is_warned_at_once_and_of_the_rest_at_the_end_and_not_of_an_api_that_has_no_events(
    logged: io.StringIO,
) -> None:
    nowhere = Failed("HTTP 404: Not Found", no_such_place=True)
    poster, journal = posted(nowhere, *[Failed("HTTP 503")] * 3), Journal()
    async with watching(poster, journal) as notices:
        for _ in range(2):
            notices.tell(FAILOVER)
        for _ in range(2):
            notices.tell(ACTIVE)
    assert [type(event) for event in journal.noted] == [NoticeFailed] * 4
    said = [json.loads(each) for each in logged.getvalue().splitlines()]
    assert [each["event"] for each in said] == [
        "a notice could not be sent; the run goes on without it",
        "nor could 2 more be sent: the journal says why",
    ]
    assert said[1]["last"] == AT_ACTIVE


async def test_an_event_that_cannot_be_put_into_words_never_reaches_the_run(logged: io.StringIO) -> None:
    poster = posted()
    async with watching(poster) as notices:
        notices.tell(TransitionMade("declare", Status.PASSIVE, Status.FAILOVER, "two", 2))  # type: ignore[arg-type]
        notices.tell(ACTIVE)
    assert poster.titles == [AT_ACTIVE]
    assert "nobody could be told of this; the run goes on" in logged.getvalue()


async def test_a_bug_while_posting_is_noted_and_silences_nothing_else(logged: io.StringIO) -> None:
    poster, journal = posted(RuntimeError("boom")), Journal()
    async with watching(poster, journal) as notices:
        notices.tell(FAILOVER)
        notices.tell(ACTIVE)
    assert journal.noted == [
        NoticeFailed(S, AT_FAILOVER, "hamr has a bug: RuntimeError"),
        NoticeSent(S, AT_ACTIVE, f"41:{'ab' * 32}"),
    ]
    assert "boom" in logged.getvalue()


async def test_a_journal_that_cannot_be_used_costs_the_anchor_and_nothing_more(logged: io.StringIO) -> None:
    poster = posted()
    async with watching(poster, Journal(broken=True)) as notices:
        notices.tell(FAILOVER)
        notices.tell(ACTIVE)
    assert poster.titles == [AT_FAILOVER, AT_ACTIVE]
    assert "this event is no anchor" in str(poster.bodies[0]["text"])
    assert "could not be journalled" in logged.getvalue()


async def test_beyond_the_bound_the_oldest_are_dropped_and_counted(logged: io.StringIO) -> None:
    poster, journal = posted(), Journal()
    poster.gate.clear()
    async with watching(poster, journal) as notices:
        notices.tell(ACTIVE)
        await asyncio.sleep(0)  # it is under way now, and holds up the others
        for _ in range(35):
            notices.tell(FAILOVER)
        notices.tell(ACTIVE)
        poster.gate.set()
    assert poster.titles == [AT_ACTIVE, *[AT_FAILOVER] * 31, AT_ACTIVE]
    assert journal.noted[0] == NoticeFailed(
        S, "4 older notices", "dropped: more happened than could be sent meanwhile"
    )


async def test_the_end_waits_for_a_while_and_then_notes_what_was_given_up(logged: io.StringIO) -> None:
    poster, journal = posted(), Journal()
    poster.gate.clear()
    notices = watching(poster, journal)
    async with notices:
        for _ in range(4):
            notices.tell(FAILOVER)
        notices.tell(ACTIVE)
        await notices.close(within=0.01)
    assert poster.titles == [AT_FAILOVER] * 4, "a few at once, and no more"
    lost = "its answer was not there when the run ended: whether it arrived is not known"
    assert journal.noted == [
        *[NoticeFailed(S, AT_FAILOVER, lost)] * 4,
        NoticeFailed(S, AT_ACTIVE, "there was no time left for it when the run ended, so it was not sent"),
    ]


@pytest.mark.parametrize("goes_on", [3600.0, 0.0])
async def test_a_run_that_is_cancelled_on_its_way_or_in_its_end_leaves_nothing_behind(goes_on: float) -> None:
    poster, journal = posted(), Journal()
    poster.gate.clear()

    async def run() -> None:
        async with watching(poster, journal) as notices:
            notices.tell(FAILOVER)
            await asyncio.sleep(goes_on)

    before = asyncio.all_tasks()
    running = asyncio.create_task(run())
    await asyncio.sleep(0.001)
    assert poster.titles == [AT_FAILOVER], "its answer is waited for"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 1.0)
    assert [type(event) for event in journal.noted] == [NoticeFailed]
    assert asyncio.all_tasks() == before, "no task is left behind"
