"""Servers that throw our own keys back at us, and bytes of every kind."""

from __future__ import annotations

import asyncio
import base64
import json
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.datadog import HttpWorld
from orchestrator.model.plain import plain
from orchestrator.model.reading import Accepted, Answer, Identity, Reading, Unreadable
from orchestrator.model.status import Both, Role

from .orgs import KEYS, client, draft, pair_at
from .servers import raw_server, says

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


@settings(max_examples=40)
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


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data))
def test_no_bytes_on_the_wire_are_too_strange(data: bytes) -> None:
    async def meet() -> tuple[Reading, Answer]:
        async with (
            raw_server(says(data, on=False)) as server,
            client(HttpWorld, pair_at(server.url, server.url)) as orgs,
        ):
            return await orgs.read(Role.PRIMARY), await orgs.write(draft())

    assert shown(*asyncio.run(meet())).encode("utf-8")
