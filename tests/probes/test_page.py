"""Web pages over real sockets: status, redirects, a value in them, and never a key."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator.datadog.probes import _redirect
from orchestrator.datadog.transport import Exchanged
from orchestrator.model.guard import Http, Measured, Unmeasured, Value
from orchestrator.model.plain import JSON
from orchestrator.model.playbook import Timeouts
from tests.datadog.orgs import KEYS
from tests.datadog.servers import http, raw_server, says

from .asked import METRIC, NOWHERE, got, ok, probe, probes, said

pytestmark = pytest.mark.anyio

STATUS_PAGE: JSON = {
    "status": {"indicator": "none", "description": "All Systems\nOperational"},
    "components": [{"name": "API", "up": True, "since": 12.5}, {"name": "Web", "up": None}],
    "a/b": 1,
    "m~n": 2,
    "~1": 3,
    "": 4,
    "01": [7],
}


def redirect(status: int, location: str) -> bytes:
    return http(f"{status} Moved", b"", f"Location: {location}")


async def test_a_page_with_the_wanted_status_is_good() -> None:
    reading, _ = await got("/health", {"/health": http("200 OK", b"<html>fine</html>")})
    assert reading.sight == Measured(detail="answered 200")


async def test_another_status_is_bad() -> None:
    reading, _ = await got("/health", {"/health": http("503 Service Unavailable")})
    assert reading.sight == Measured(good=False, detail="answered 503, wanted 200")


async def test_whichever_status_is_wanted_is_good() -> None:
    reading, _ = await got("/", {"/": http("404 Not Found")}, status=404)
    assert reading.sight == Measured(detail="answered 404")
    reading, asked_for = await got("/", {"/": redirect(302, "/login")}, status=302)
    assert reading.sight == Measured(detail="answered 302")
    assert asked_for == ["/"]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/status/indicator", "none"),
        ("/status/description", "All Systems Operational"),
        ("/components/0/up", True),
        ("/components/0/since", 12.5),
        ("/a~1b", 1.0),
        ("/m~0n", 2.0),
        ("/~01", 3.0),
        ("/", 4.0),
        ("/01/0", 7.0),
    ],
)
async def test_a_value_is_found_by_its_json_pointer(pointer: str, value: Value) -> None:
    reading, _ = await got("/s", {"/s": ok(STATUS_PAGE)}, pointer=pointer)
    assert reading.sight == Measured(value, detail="answered 200")
    assert isinstance(reading.sight, Measured)
    assert type(reading.sight.value) is type(value)


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ("/status/nothing", "the answer has nothing at /status/nothing"),
        ("/components/2", "the answer has nothing at /components/2"),
        ("/components/-", "the answer has nothing at /components/-"),
        ("/components/00", "the answer has nothing at /components/00"),
        ("/components/-1/up", "the answer has nothing at /components/-1/up"),
        ("/status/indicator/0", "the answer has nothing at /status/indicator/0"),
        ("/components/1/up", "the answer has null at /components/1/up"),
        ("/components", "the answer has a list at /components, not one value"),
        ("/status", "the answer has an object at /status, not one value"),
        ("", "the answer has an object at its top, not one value"),
    ],
)
async def test_law_08_a_pointer_that_leads_to_no_value_is_unknown(pointer: str, reason: str) -> None:
    reading, _ = await got("/s", {"/s": ok(STATUS_PAGE)}, pointer=pointer)
    assert said(reading) == f"answered 200, but {reason}"


async def test_the_whole_answer_may_be_the_value() -> None:
    reading, _ = await got("/", {"/": ok(42)}, pointer="")
    assert reading.sight == Measured(42.0, detail="answered 200")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http("200 OK", b"<html>"), "answered 200, but the answer can't be used: it is not JSON"),
        (http("200 OK"), "answered 200, but the answer can't be used: it is empty"),
        (http("200 OK", b'{"a": NaN}'), "answered 200, but the answer can't be used: it is not JSON"),
        (http("200 OK", b"[" * 100_000), "answered 200, but the answer can't be used: it is not JSON"),
        (http("200 OK", b'{"a": 1e999}'), "answered 200, but the number at /a is too large"),
        (http("200 OK", b'{"a": %s}' % (b"9" * 400)), "answered 200, but the number at /a is too large"),
        (
            ok({"a": "x" * 301}),
            "answered 200, but the text at /a has 301 characters; a value has 300 at most",
        ),
        (
            http("200 OK", b" " * (1024 * 1024 + 1)),
            "answered 200, but the answer is larger than 1024 KiB",
        ),
        (
            http("200 OK", b"x", "Content-Encoding: br"),
            "answered 200, but the answer is compressed (br), which was not asked for",
        ),
    ],
)
async def test_law_08_an_answer_that_has_no_such_value_is_unknown(answer: bytes, reason: str) -> None:
    reading, _ = await got("/", {"/": answer}, pointer="/a")
    assert said(reading) == reason


async def test_a_large_page_is_good_where_only_its_status_counts() -> None:
    reading, _ = await got("/", {"/": http("200 OK", b" " * (1024 * 1024 + 1))})
    assert reading.sight == Measured(detail="answered 200")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_on_the_same_host_are_followed_whatever_their_form(status: int) -> None:
    reading, asked_for = await got(
        "/a",
        {"/a": redirect(status, "/b?c=d"), "/b?c=d": redirect(status, "{site}/e"), "/e": ok({"x": 1})},
        pointer="/x",
    )
    assert reading.sight == Measured(1.0, detail="answered 200")
    assert asked_for == ["/a", "/b?c=d", "/e"]


async def test_five_redirects_are_followed_and_no_sixth() -> None:
    pages = {f"/{number}": redirect(302, f"/{number + 1}") for number in range(7)} | {"/7": http("200 OK")}
    reading, asked_for = await got("/2", pages)
    assert reading.sight == Measured(detail="answered 200")
    reading, asked_for = await got("/1", pages)
    assert said(reading) == "it redirects more than 5 times"
    assert asked_for == ["/1", "/2", "/3", "/4", "/5", "/6"]


async def test_a_redirect_to_another_host_is_unknown_and_not_followed() -> None:
    async with raw_server(says(http("200 OK", b'{"up": true}'))) as elsewhere:
        other = elsewhere.url.replace("127.0.0.1", "localhost") + "/login"
        reading, _ = await got("/", {"/": redirect(302, other)}, pointer="/up")
    assert said(reading) == "answered 302, to another host (localhost), which is not followed"
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        (
            "https://a.example/x",
            "http://a.example/x",
            "answered 301, to an address without https, which is not followed",
        ),
        (
            "https://a.example/x",
            "ftp://a.example/x",
            "answered 301, to an address without https, which is not followed",
        ),
        (
            "https://a.example/x",
            "//b.example/x",
            "answered 301, to another host (b.example), which is not followed",
        ),
        (
            "https://a.example/x",
            "https://a.example@b.example/",
            "answered 301, to another host (b.example), which is not followed",
        ),
        ("https://a.example/x", "https:///y", "https://a.example/y"),
        ("https://a.example/x", "https://[::1", "answered 301 with an address that can't be read"),
        ("https://a.example/x", "https://A.EXAMPLE./y", "https://A.EXAMPLE./y"),
        ("http://a.example/x", "https://a.example/y", "https://a.example/y"),
        ("https://a.example/x/y", "../z", "https://a.example/z"),
    ],
)
def test_where_a_redirect_may_lead(url: str, location: str, expected: str) -> None:
    led = _redirect(url, Exchanged(status=301, headers={"location": location}))
    assert (led.reason if isinstance(led, Unmeasured) else led) == expected


async def test_a_redirect_that_leads_nowhere_is_just_another_status() -> None:
    reading, _ = await got("/", {"/": http("302 Found")})
    assert reading.sight == Measured(good=False, detail="answered 302, wanted 200")


async def test_law_08_a_page_that_does_not_answer_is_unknown() -> None:
    async with probes() as taker:
        refused = await taker.take(probe(Http(NOWHERE)))
    assert said(refused) == "no connection: Connection refused"


async def test_law_08_a_page_that_is_silent_or_drips_is_unknown() -> None:
    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        if b"/drip" in request:
            writer.write(http("200 OK", b"x" * 50)[:-20])
            await writer.drain()
        if b"/round" in request:
            await asyncio.sleep(0.02)
            writer.write(redirect(302, "/silent"))
            return True
        await asyncio.sleep(30)
        return False

    async with raw_server(talk) as server, probes(timeouts=Timeouts()) as taker:
        silent, drips, redirected, less = await asyncio.gather(
            taker.take(probe(Http(f"{server.url}/silent"), seconds=0.5)),
            taker.take(probe(Http(f"{server.url}/drip"), seconds=0.5)),
            taker.take(probe(Http(f"{server.url}/round"), seconds=0.5)),
            taker.take(probe(Http(f"{server.url}/silent")), within=0.25),
        )
    assert said(silent) == "no answer within 500 ms"
    assert said(drips) == "the answer did not end within 500 ms"
    assert said(redirected) == "no answer within 500 ms"
    assert said(less) == "no answer within 250 ms"


async def test_law_08_a_page_that_breaks_off_is_unknown_whatever_its_status() -> None:
    async with raw_server(says(http("200 OK", b"x" * 50)[:-20], on=False)) as server, probes() as taker:
        reason = said(await taker.take(probe(Http(server.url))))
    assert reason.startswith("answered 200, and then the answer broke off: ")


async def test_law_08_certificates_that_cannot_be_loaded_leave_it_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/corporate.pem")
    async with probes() as taker:
        reason = said(await taker.take(probe(Http("https://127.0.0.1:9"))))
    assert "SSL_CERT_FILE=/nowhere/corporate.pem: No such file or directory" in reason


async def test_law_17_a_page_is_asked_without_keys_and_without_cookies() -> None:
    pages = {
        "/first": http("302 Found", b"", "Location: /second", "Set-Cookie: session=1"),
        "/second": http("200 OK", b"{}", "Set-Cookie: session=2"),
    }

    async def talk(request: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(pages.get(request.split(b" ")[1].decode(), http("200 OK", b"{}")))
        return True

    # The page stands at the org's own host, and the org was asked with keys before.
    async with raw_server(talk) as server, probes(server.url) as taker:
        await taker.take(probe(METRIC))
        for _ in range(2):
            assert isinstance((await taker.take(probe(Http(f"{server.url}/first")))).sight, Measured)
        with_keys, *without = server.requests
    assert KEYS["S_API"].encode() in with_keys
    assert len(without) == 4
    for request in without:
        assert b"canary" not in request
        names = {line.split(b":")[0].lower() for line in request.split(b"\r\n")[1:] if line}
        assert names == {b"host", b"accept", b"accept-encoding", b"user-agent"}


async def test_law_17_a_key_in_a_page_goes_no_further() -> None:
    echoes = says(http("200 OK", json.dumps({"a": KEYS["S_API"]}).encode()))
    async with raw_server(echoes) as server, probes(server.url) as taker:
        await taker.take(probe(METRIC))  # from now on the key is known
        reading = await taker.take(probe(Http(server.url, pointer="/a")))
    assert said(reading) == "answered 200, but the answer can't be used: it holds one of our own keys"


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_a_page_with_http_is_asked_through_the_proxy(variable: str) -> None:
    page = probe(Http("http://status.internal.example/healthz"))
    async with (
        raw_server(says(http("200 OK", b"{}"))) as proxy,
        probes(environ={variable: proxy.url}) as taker,
    ):
        reading = await taker.take(page)
        assert reading.sight == Measured(detail="answered 200")
        assert proxy.requests[0].startswith(b"GET http://status.internal.example/healthz HTTP/1.1\r\n")
        assert b"canary" not in proxy.requests[0]


async def test_a_page_on_loopback_is_never_asked_through_a_proxy() -> None:
    async with (
        raw_server(says(http("200 OK", b"{}"))) as server,
        probes(environ={"http_proxy": NOWHERE, "ALL_PROXY": NOWHERE}) as taker,
    ):
        reading = await taker.take(probe(Http(f"{server.url}/")))
    assert reading.sight == Measured(detail="answered 200")
