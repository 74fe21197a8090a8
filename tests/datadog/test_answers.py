"""What an answer says in a few words, and when to ask again; servers that throw our own keys back at us, and bytes of every kind."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.datadog import HttpWorld
from orchestrator.datadog.answers import excerpt, http_date, is_api_error, one_line, retry_after
from orchestrator.model.org import Secret
from orchestrator.model.plain import plain
from orchestrator.model.reading import Accepted, Answer, Identity, Reading, Unreadable
from orchestrator.model.status import Both, Role
from orchestrator.system.redaction import Redactor

from .orgs import KEYS, client, draft, pair_at
from .servers import raw_server, says

CANARY = "canary0primary0api0key0000000001"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b'{"errors": ["Unauthorized"]}', "Unauthorized"),
        (b'{"errors": ["Bad Request", "Twice"]}', "Bad Request; Twice"),
        (
            b'{"errors": [{"title": "Bad Request", "detail": "no such org", "source": {"pointer": "/data/id"}}]}',
            "Bad Request: no such org (pointer /data/id)",
        ),
        (b'{"errors": [{"title": "Forbidden"}]}', "Forbidden"),
        (b'{"errors": [{}]}', "an empty list of errors"),
        (b'{"errors": []}', "an empty list of errors"),
        (b'{"errors": "all of them"}', '{"errors": "all of them"}'),
        (b"<html><head><title>502 Bad\n Gateway</title></head></html>", "an HTML page: 502 Bad Gateway"),
        (b"\n <!DOCTYPE html><body>oops", "an HTML page"),
        (b"upstream \x1b[31mfailed\x00\r\nbadly", "upstream [31mfailed badly"),
        (b"caf\xe9", "caf"),
    ],
)
def test_an_answer_becomes_a_few_words(body: bytes, expected: str) -> None:
    assert excerpt(body, Redactor()) == expected


def test_a_long_answer_is_cut() -> None:
    said = excerpt(b"x" * 5000, Redactor())
    assert said == "x" * 299 + "…"


def test_law_17_no_half_key_is_left_at_the_cut() -> None:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    said = excerpt(b"x" * 285 + CANARY.encode(), redactor)
    assert said == "x" * 285 + "[redacted]"
    assert "canary" not in excerpt(b"x" * 295 + CANARY.encode(), redactor)


def test_law_17_a_key_with_invisible_characters_in_it_is_no_way_around() -> None:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    assert one_line(f"key {CANARY[:9]}\x00\u200b{CANARY[9:]}!", redactor) == "key [redacted]!"


def test_the_apis_own_errors_are_told_from_a_proxys() -> None:
    assert is_api_error(b'{"errors": ["Not Found"]}')
    assert is_api_error(b'{"errors": []}')
    assert not is_api_error(b'{"message": "no Route matched"}')
    assert not is_api_error(b"<html>")
    assert not is_api_error(b"[" * 100_000)


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda value: json.dumps({"errors": value}).encode())
)
def test_no_body_is_too_strange(body: bytes) -> None:
    said = excerpt(body, Redactor())
    assert len(said) <= 300
    assert said.isprintable() or not said.isascii()


NOW = datetime(2026, 11, 22, 3, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"X-RateLimit-Reset": "7"}, 7.0),
        ({"x-ratelimit-reset": " 7.5 "}, 7.5),
        ({"X-RATELIMIT-RESET": "0"}, 0.0),
        ({"Retry-After": "12"}, 12.0),
        ({"retry-after": "Sun, 22 Nov 2026 03:15:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 03:14:30 GMT"}, 0.0),
        ({"X-RateLimit-Reset": "7", "Retry-After": "12"}, 12.0),
        ({"X-RateLimit-Reset": "9", "Retry-After": "soon"}, 9.0),
        ({"X-RateLimit-Reset": "99999999999"}, 98_204_682_699.0),
        ({"X-RateLimit-Reset": "-3"}, None),
        ({"X-RateLimit-Reset": "nan"}, None),
        ({"X-RateLimit-Reset": "inf"}, None),
        ({"X-RateLimit-Reset": "1e9"}, None),
        ({"X-RateLimit-Reset": "\u0667"}, None),
        ({"X-RateLimit-Reset": ""}, None),
        ({"X-RateLimit-Reset": "1795317307"}, 7.0),
        ({"X-RateLimit-Reset": "1795317307000"}, 7.0),
        ({"Retry-After": "1795317307.5"}, 7.5),
        ({"Retry-After": "1795317290"}, 0.0),
        ({"X-RateLimit-Reset": "1795317307", "Date": "Sun, 22 Nov 2026 03:15:05 GMT"}, 2.0),
        ({"Retry-After": "Sun, 22 Nov 2026 03:15:30 GMT", "Date": "Sun, 22 Nov 2026 03:15:20 GMT"}, 10.0),
        ({"X-RateLimit-Reset": "7", "Date": "Sun, 22 Nov 2026 01:00:00 GMT"}, 7.0),
        ({"X-RateLimit-Reset": "2026-11-22T03:15:02Z"}, 2.0),
        ({"X-RateLimit-Reset": "2026-11-22T04:15:02.5+01:00"}, 2.5),
        ({"Retry-After": "2026-11-22 03:15:02"}, 2.0),
        ({"X-RateLimit-Reset": "2026-11-40T03:15:02Z"}, None),
        ({"X-RateLimit-Reset": "1, 2"}, 2.0),
        ({"X-RateLimit-Reset": "soon, 2"}, 2.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Period": "60"}, None),
    ],
)
def test_the_wait_is_what_the_server_said(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers, NOW) == expected


@given(st.text())
def test_no_header_is_too_strange(text: str) -> None:
    wait = retry_after({"X-RateLimit-Reset": text, "Retry-After": text}, NOW)
    assert wait is None or 0.0 <= wait < float("inf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 03:15:30 GMT", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 03:15:30 -0000", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Sun, 22 Nov 2026 04:15:30 +0100", datetime(2026, 11, 22, 3, 15, 30, tzinfo=UTC)),
        ("Mon, 32 Foo 2026 03:15:30 GMT", None),
        ("x" * 1000, None),
        (None, None),
    ],
)
def test_http_dates_are_read_in_utc(text: str | None, expected: datetime | None) -> None:
    assert http_date(text) == expected


PAIR = pair_at("https://api.datadoghq.com", "https://api.us5.datadoghq.com")
ALL_KEYS = "|".join(KEYS.values())


async def everything(transport: httpx.AsyncBaseTransport) -> tuple[Reading, Identity, Answer, str]:
    """All that a world can be asked, and its own repr."""
    async with client(HttpWorld, PAIR, transports=Both(transport, transport)) as orgs:
        reading, identity = await orgs.read(Role.PRIMARY), await orgs.identify(Role.PRIMARY)
        answer = await orgs.write(draft(Role.PRIMARY))
        insides = f"{orgs!r} {orgs._orgs!r} {orgs.describe(draft())!r}"
    return reading, identity, answer, insides


def shown(*things: object) -> str:
    return "\n".join(f"{thing!r}\n{json.dumps(plain(thing))}" for thing in things)


ECHOES = {
    "plain": ALL_KEYS,
    "error strings": json.dumps({"errors": [f"no such key {ALL_KEYS}"]}),
    "error objects": json.dumps(
        {"errors": [{"title": ALL_KEYS, "detail": ALL_KEYS, "source": {ALL_KEYS: ALL_KEYS}}]}
    ),
    "title": f"<html><title>{ALL_KEYS}</title>",
    "record": json.dumps(
        {
            "data": {
                "id": ALL_KEYS,
                "attributes": {"hamr_status": 2, "modified_by": ALL_KEYS, "note": ALL_KEYS},
            }
        }
    ),
    "encoded": " ".join(
        f"{quote(key)} {base64.b64encode(b'x:' + key.encode()).decode()}" for key in KEYS.values()
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 429, 500])
@pytest.mark.parametrize("body", ECHOES.values(), ids=list(ECHOES))
async def test_law_17_an_echoed_key_goes_no_further(status: int, body: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body.encode(), headers={"X-Request-Id": ALL_KEYS})

    reading, identity, answer, insides = await everything(httpx.MockTransport(handler))
    text = shown(reading, identity, answer) + insides
    for key in (KEYS["P_API"], KEYS["P_APP"]):  # the ones that were fetched
        assert key not in text
        assert base64.b64encode(key.encode()).decode()[:-4] not in text


@pytest.mark.anyio
async def test_law_17_a_record_that_holds_a_key_is_no_record() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=ECHOES["record"].encode())

    reading, identity, answer, _ = await everything(httpx.MockTransport(handler))
    assert reading.sight == Unreadable("the answer is not a HAMR record: it holds one of our own keys")
    assert isinstance(answer, Accepted)
    assert answer.record is None
    assert identity.uuid is None


@pytest.mark.anyio
async def test_law_17_no_error_of_the_transport_carries_a_key() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"lost {request.headers['dd-api-key']}", request=request)

    text = shown(*(await everything(httpx.MockTransport(handler)))[:3])
    assert KEYS["P_API"] not in text
    assert "the connection broke: lost [redacted]" in text


HEADERS = st.sampled_from(
    ["Date", "X-RateLimit-Reset", "Retry-After", "Content-Encoding", "Content-Type", "X-Request-Id"]
)


@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(
        HEADERS, st.text(st.characters(max_codepoint=255)).map(lambda text: text.encode("latin-1"))
    ),
    body=st.binary()
    | st.sampled_from([text.encode() for text in ECHOES.values()])
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["data", "errors", "attributes", "id", "HamrStatus"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_is_too_strange(status: int, headers: dict[str, bytes], body: bytes) -> None:
    named = [(name.encode(), value) for name, value in headers.items()]

    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=named, stream=httpx.ByteStream(body))

    reading, identity, answer, _ = asyncio.run(everything(httpx.MockTransport(handler)))
    assert shown(reading, identity, answer).encode("utf-8")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data))
def test_no_bytes_on_the_wire_are_too_strange(data: bytes) -> None:
    async def meet() -> tuple[Reading, Answer]:
        async with (
            raw_server(says(data, on=False)) as server,
            client(HttpWorld, pair_at(server.url, server.url)) as orgs,
        ):
            return await orgs.read(Role.PRIMARY), await orgs.write(draft())

    assert shown(*asyncio.run(meet())).encode("utf-8")
