"""Each way to tell people: what is sent, what each answer comes to, and that no address is ever shown."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.datadog.connections import Trust
from orchestrator.model.events import RunFinished
from orchestrator.model.journal import Head
from orchestrator.model.next_step import resume
from orchestrator.model.org import Apprise, Channel, EnvironmentKey, Occasion, Secret
from orchestrator.model.playbook import Timeouts
from orchestrator.model.run import End, RunOutcome
from orchestrator.notices import Notice, channels, notice_of, trial_of
from orchestrator.notices.channels import ChannelServices, PeopleChannel, secret_parts
from orchestrator.notices.posting import Failed
from orchestrator.system.clock import SystemClock
from orchestrator.system.keys import KeyRing
from orchestrator.system.redaction import Redactor
from tests.datadog.servers import CA, http, raw_server

from .facts import AT, RUN, about, begun
from .receivers import PATH, SECRET, Answering, Receiver, answering, channel, receiver, silent

pytestmark = pytest.mark.anyio

HEAD = Head(41, "ab" * 32)
STEP = resume(RUN)
STOPPED = RunFinished(
    RunOutcome(End.INCOMPLETE, "the secondary did not show ACTIVE", next_steps=(STEP,)),
    6,
    "midway(activate)",
    (),
    6.2,
)
REDIRECT = http("307 Temporary Redirect", b"", "Location: http://127.0.0.1:1/elsewhere")


def told(*, drill: str = "") -> Notice:
    notice = notice_of(STOPPED, begun(drill=drill).after(STOPPED))
    assert notice is not None
    return notice


def services(environ: Mapping[str, str], redactor: Redactor | None = None) -> ChannelServices:
    redactor = redactor or Redactor()
    known = {**environ, "PATH": os.environ["PATH"]}
    return ChannelServices(
        KeyRing(known, redactor), redactor, SystemClock(), known, frozenset({"HOOK_URL"}), Trust()
    )


async def deliver(to: Receiver) -> Failed | None:
    way = PeopleChannel(channel(), services(to.environ))
    try:
        return await way.deliver(told(), AT, HEAD)
    finally:
        await way.aclose()


async def test_a_webhook_says_what_happened_what_to_type_next_and_where_to_look() -> None:
    async with receiver() as there:
        assert await deliver(there) is None
        (delivery,) = there.deliveries
        assert delivery.headers["content-type"] == "application/json"
        assert delivery.headers["x-hamr-delivery"] == delivery.body["id"]
        assert len(delivery.body["id"]) == 32
        text = delivery.body.pop("text")
        assert {
            name: value for name, value in delivery.body.items() if name not in ("id", "next", "look")
        } == {
            "schema": "hamr/notice/1",
            "at": "2026-11-22T03:15:02.000000Z",
            "on": "stopped",
            "test": False,
            "pair": "payments",
            "run": RUN,
            "drill": "",
            "goal": "ACTIVE",
            "status": "PASSIVE",
            "mode": "planned",
            "operator": "alice@laptop",
            "reason": "us1 is down",
            "ref": "INC-1234",
            "severity": "error",
            "title": "hamr: payments to ACTIVE ended: incomplete",
            "journal": "/var/hamr/journal.db on laptop",
            "head": f"41:{'ab' * 32}",
        }
        assert delivery.body["next"]["command"] == f"hamr resume {RUN}"
        assert delivery.body["next"]["why"] == "go on with what was left open"
        assert [step["command"] for step in delivery.body["look"]] == [
            f"hamr show {RUN}",
            "hamr status payments",
        ]
        assert text == (
            "the secondary did not show ACTIVE\n"
            "Where the pair stands: midway(activate).\n"
            "Exit code 6, after 6.2 s.\n"
            "\n"
            "Pair payments: Payments (primary) and Payments DR (secondary).\n"
            f"Run {RUN} of alice@laptop: PASSIVE → ACTIVE, planned, playbook regional-failover.\n"
            "Reason: us1 is down\n"
            "Reference: INC-1234\n"
            "\n"
            f"Next: hamr resume {RUN}\n"
            "  go on with what was left open\n"
            f"Look: hamr show {RUN}\n"
            "Look: hamr status payments\n"
            "Journal: /var/hamr/journal.db on laptop\n"
            f"Journal head: 41:{'ab' * 32}"
        )


@pytest.mark.parametrize(
    ("answers", "failed", "posts"),
    [
        ([http("200 OK", b"ok")], None, 1),
        ([http("500 Oops", b""), http("202 Accepted", b"")], None, 2),
        ([http("429 Slow down", b""), http("200 OK", b"")], None, 2),
        ([http("500 Oops", b"no " + PATH.encode())], Failed("HTTP 500"), 2),
        ([http("400 Bad Request", b"no")], Failed("HTTP 400"), 1),
        ([http("410 Gone", b"")], Failed("HTTP 410"), 1),
        ([REDIRECT], Failed("HTTP 307"), 1),
    ],
)
async def test_it_is_sent_once_more_with_the_same_id_where_that_may_help(
    answers: list[bytes], failed: Failed | None, posts: int
) -> None:
    async with receiver(answering(*answers)) as there:
        assert await deliver(there) == failed
        assert len(there.deliveries) == posts
        assert len({delivery.headers["x-hamr-delivery"] for delivery in there.deliveries}) == 1
        assert there.deliveries[0].body == there.deliveries[-1].body


async def hangs_up(_: int, __: asyncio.StreamWriter) -> bool:
    return False


async def trickles(_: int, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Slow: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (silent, "no answer within 0.5 s"),
        (trickles, "no answer within 0.5 s"),
        (hangs_up, "the answer broke off"),
    ],
)
async def test_a_receiver_that_does_not_answer_is_given_up_in_time(
    answer: Answering, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Timeouts(*[timedelta(seconds=2)] * 3) == channels.TIMEOUTS
    monkeypatch.setattr(channels, "TIMEOUTS", Timeouts(*[timedelta(seconds=0.5)] * 3))
    async with receiver(answer) as there:
        began = time.monotonic()
        failed = await deliver(there)
        assert failed is not None
        assert failed.reason.startswith(words)
        assert time.monotonic() - began < 15
        assert len(there.deliveries) == 2


@pytest.mark.parametrize("trusted", [True, False])
async def test_certificates_are_verified_with_those_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", CA)
    async with receiver(certificate="server.pem") as there:
        failed = await deliver(there)
        assert (failed is None) is trusted
        assert len(there.deliveries) == (1 if trusted else 0)
        assert trusted or "certificate" in str(failed)


async def test_the_id_is_another_for_another_notice() -> None:
    async with receiver() as there:
        way = PeopleChannel(channel(), services(there.environ))
        await way.deliver(told(), AT, HEAD)
        await way.deliver(told(), datetime(2026, 11, 22, 3, 15, 3, tzinfo=UTC), HEAD)
        await way.aclose()
        first, second = (delivery.body["id"] for delivery in there.deliveries)
        assert first != second


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.com/cAnArY", "this URL is not encrypted"),
        ("https://bob:cAnArY@hooks.example.com/", "a URL must not carry a name or password"),
        ("slack://cAnArY/b/c", "this is not a usable URL"),
    ],
)
async def test_law_17_an_address_that_cannot_be_used_is_not_shown(url: str, words: str) -> None:
    way = PeopleChannel(channel(), services({"HOOK_URL": url, "HOOK_SECRET": SECRET}))
    failed = await way.deliver(told(), AT, HEAD)
    assert failed is not None
    assert failed.reason.startswith(f"The address of channel on_call cannot be used: {words}")
    assert "cAnArY" not in failed.reason
    assert await way.ready() == failed


async def test_an_address_that_is_not_there_is_a_failure_in_words() -> None:
    way = PeopleChannel(channel(), services({"HOOK_SECRET": SECRET}))
    reason = "The address of channel on_call cannot be used: environment variable HOOK_URL is not set."
    assert await way.deliver(told(), AT, HEAD) == Failed(reason)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (
            "https://hooks.slack.com/services/T0/B0/XyzXyzXyz123",
            ["/services/T0/B0/XyzXyzXyz123", "XyzXyzXyz123"],
        ),
        ("slack://TokenToken12/b/cccccccccccc", ["TokenToken12", "cccccccccccc"]),
        ("mailto://bob:p%40ssw@example.com", ["p%40ssw", "p@ssw"]),
    ],
)
def test_law_17_what_is_secret_in_an_address_is_known_apart_from_the_rest(
    address: str, parts: list[str]
) -> None:
    redactor = Redactor()
    for part in secret_parts(address):
        redactor.add(Secret(part))
    for part in parts:
        assert redactor.clean(f"so {part} it is") == "so [redacted] it is"
    assert redactor.clean("hooks.slack.com said no to services") == "hooks.slack.com said no to services"


async def test_law_17_a_channel_that_was_looked_at_is_known_to_the_redactor_part_by_part() -> None:
    redactor = Redactor()
    way = PeopleChannel(channel(), services(Receiver(url="https://hooks.example.com").environ, redactor))
    assert await way.ready() is None
    assert redactor.clean(f"POST {PATH}: 404 (secret {SECRET})") == "POST [redacted]: 404 (secret [redacted])"


@pytest.mark.parametrize(
    ("on", "drill", "wanted"),
    [
        ([Occasion.STOPPED], "", True),
        ([Occasion.DONE], "", False),
        ([Occasion.STOPPED], "20261122-031500-dddd", False),
        ([Occasion.DRILL], "20261122-031500-dddd", True),
        ([Occasion.DRILL], "", False),
    ],
)
def test_a_channel_is_told_what_it_asked_for_and_of_a_drill_by_its_own_word(
    on: list[Occasion], drill: str, wanted: bool
) -> None:
    way = PeopleChannel(channel(*on), services({}))
    assert way.wants(told(drill=drill)) is wanted
    assert way.wants(trial_of(about())) is True


def apprise_channel() -> Channel:
    return Channel("chat", Apprise(EnvironmentKey("CHAT")))


@asynccontextmanager
async def service(status: str) -> AsyncIterator[tuple[str, list[Any]]]:
    """A service that Apprise reaches (its json://), and the bodies that it was sent."""
    bodies: list[Any] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> bool:
        bodies.append(json.loads(request.partition(b"\r\n\r\n")[2]))
        writer.write(http(status, b"no cAnArYaDdReSs01"))
        await writer.drain()
        return False

    async with raw_server(answer) as server:
        yield f"json{server.url.removeprefix('http')}/cAnArYaDdReSs01", bodies


async def test_what_apprise_reaches_is_told_the_same() -> None:
    async with service("200 OK") as (address, bodies):
        way = PeopleChannel(apprise_channel(), services({"CHAT": address}))
        assert await way.deliver(told(), AT, HEAD) is None
        (body,) = bodies
        assert body["title"] == "hamr: payments to ACTIVE ended: incomplete"
        assert f"Next: hamr resume {RUN}" in body["message"]
        assert body["type"] == "failure"
        assert "apprise" not in sys.modules, "it is loaded in a process of its own alone"


async def test_law_17_a_service_that_refuses_is_a_failure_in_words_without_its_address() -> None:
    async with service("500 Oops") as (address, _):
        way = PeopleChannel(apprise_channel(), services({"CHAT": address}))
        failed = await way.deliver(told(), AT, HEAD)
        assert failed is not None
        assert failed.reason.startswith("Failed to send JSON POST notification")
        assert "cAnArY" not in failed.reason


async def test_an_address_that_apprise_does_not_know_is_a_failure_in_words() -> None:
    way = PeopleChannel(apprise_channel(), services({"CHAT": "nosuchservice://cAnArYaDdReSs01"}))
    assert await way.deliver(told(), AT, HEAD) == Failed("Apprise has no service for this address")


async def test_apprise_that_is_not_installed_is_a_failure_that_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    way = PeopleChannel(apprise_channel(), services({"CHAT": "json://127.0.0.1:1/"}))
    reason = "Apprise is not installed here: pip install 'hamr-orchestrator[notify]'."
    assert await way.deliver(told(), AT, HEAD) == Failed(reason)
    assert await way.ready() == Failed(reason)


async def test_a_service_that_hangs_ends_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.notices.channels.APPRISE_WITHIN", 2.5)
    came = asyncio.Event()

    async def hang(_: bytes, __: asyncio.StreamWriter) -> bool:
        came.set()
        await asyncio.sleep(60)
        return False

    async with raw_server(hang) as server:
        way = PeopleChannel(apprise_channel(), services({"CHAT": f"json{server.url.removeprefix('http')}/x"}))
        began = time.monotonic()
        failed = await way.deliver(told(), AT, HEAD)
        assert came.is_set()
        assert failed == Failed("Apprise did not end within 2.5 s: whether it was sent is not known")
        assert time.monotonic() - began < 20
