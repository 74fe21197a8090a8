"""How connections are opened: verified, lean to import, keys hidden from any proxy; and a site that had enough is left alone."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from orchestrator.datadog.connections import (
    Sites,
    Trust,
    open_page_transport,
    open_transport,
    open_transports,
    proxy_for,
)
from orchestrator.datadog.transport import Exchanged, Outgoing, Transport, exchange
from orchestrator.errors import PreparationError
from orchestrator.model.org import EnvironmentKey, Org, Wire
from orchestrator.model.status import Both, Role
from tests.clock import HandClock
from tests.processes import python
from tests.steps import typed

from .orgs import SHORT, org_at, pair_at
from .servers import http, raw_server, says

pytestmark = pytest.mark.anyio


def test_importing_the_client_loads_no_command_line() -> None:
    loaded = python(
        "-c",
        "import sys, orchestrator.datadog; print([name for name in ('click', 'rich', 'pygments', 'structlog') if name in sys.modules])",
    )
    assert loaded == "[]\n"


def test_httpxs_command_line_is_still_there_for_everybody_else() -> None:
    used = python(
        "-c",
        "import orchestrator.datadog, httpx, sys\n"
        "sys.argv = ['httpx', '--help']\n"
        "try: httpx.main()\n"
        "except SystemExit: pass\n"
        "print('click' in sys.modules, 'httpx._main' in sys.modules)",
    )
    assert used.endswith("True True\n")
    assert "next generation HTTP client" in used


def test_an_httpx_that_is_loaded_already_is_left_alone() -> None:
    same = python(
        "-c", "import httpx; main = httpx.main; import orchestrator.datadog; print(httpx.main is main)"
    )
    assert same == "True\n"


def context_of(transport: Transport) -> ssl.SSLContext:
    context = transport._present.transport._pool._ssl_context  # type: ignore[attr-defined]
    assert isinstance(context, ssl.SSLContext)
    return context


@pytest.mark.parametrize("url", ["https://api.datadoghq.com", "http://127.0.0.1:9101"])
async def test_tls_is_always_verified(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    transport = open_transport(org_at(url), {})
    context = context_of(transport)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True
    assert not context.keylog_filename
    await transport.aclose()


async def test_both_orgs_are_verified_with_certificates_that_are_loaded_once() -> None:
    both = open_transports(pair_at("https://api.datadoghq.com", "https://api.datadoghq.eu").orgs, {})
    mixed = open_transports(pair_at("https://api.datadoghq.com", "http://127.0.0.1:9101").orgs, {})
    assert context_of(both.primary) is context_of(both.secondary)
    assert both.primary is not both.secondary
    assert [context_of(transport).verify_mode for transport in (*both, *mixed)] == [ssl.CERT_REQUIRED] * 4
    assert len(context_of(mixed.primary).get_ca_certs()) > 0
    assert context_of(mixed.secondary).get_ca_certs() == []
    for transport in (*both, *mixed):
        await transport.aclose()


@pytest.mark.parametrize(
    ("variable", "place", "why"),
    [
        ("SSL_CERT_FILE", "/nowhere/corporate.pem", "No such file or directory"),
        ("SSL_CERT_FILE", __file__, "it holds none in PEM"),
        ("SSL_CERT_DIR", "/nowhere/certs", "No such file or directory"),
        ("SSL_CERT_DIR", "/nowhere/certs:/nowhere/else", "No such file or directory"),
    ],
)
def test_certificates_that_cannot_be_loaded_are_named(
    variable: str, place: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)  # it goes before the folder
    monkeypatch.setenv(variable, place)
    with pytest.raises(PreparationError) as caught:
        open_transport(org_at("https://api.datadoghq.com"), {})
    assert f"{variable}={place}: {why}." in caught.value.message
    assert typed(caught.value.next_steps) == (f"unset {variable}",)


def test_of_several_folders_of_certificates_one_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere/certs:{tmp_path}")
    open_transport(org_at("https://api.datadoghq.com"), {})


def test_a_proxy_that_cannot_be_used_is_named_without_its_password() -> None:
    with pytest.raises(PreparationError) as caught:
        open_transport(org_at("https://api.datadoghq.com"), {"HTTPS_PROXY": "gopher://ana:hunter2@proxy:70"})
    assert "HTTPS_PROXY" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "environ", "expected"),
    [
        ("https://api.datadoghq.com", {}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ("https://api.datadoghq.com", {"https_proxy": "a:1", "HTTPS_PROXY": "b:2"}, "http://a:1"),
        ("https://api.datadoghq.com", {"ALL_PROXY": "https://proxy:3128"}, "https://proxy:3128"),
        ("https://api.datadoghq.com", {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "datadoghq.com"}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": " x, .datadoghq.com "}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "p:1", "no_proxy": "*"}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "hq.com,10.0.0.0/8"}, "http://p:1"),
        ("https://10.1.2.3", {"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, None),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "p:1", "NO_PROXY": "[2001:db8::]/32"}, "http://p:1"),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "p:1", "NO_PROXY": "x,[2001:db8::1]"}, None),
        ("https://[2001:db8::1]", {"HTTPS_PROXY": "p:1", "NO_PROXY": "2001:db8::/33"}, None),
        ("https://api.datadoghq.com", {"HTTPS_PROXY": "p:1", "NO_PROXY": "localhost,,;x,.,*."}, "http://p:1"),
        ("http://page.example", {"http_proxy": "p:1"}, "http://p:1"),
        ("http://page.example", {"HTTP_PROXY": "p:1"}, None),
        ("http://page.example", {"HTTPS_PROXY": "p:1"}, None),
        ("http://page.example", {"ALL_PROXY": "p:1"}, "http://p:1"),
        ("http://page.example", {"all_proxy": "p:1", "http_proxy": " "}, "http://p:1"),
        ("http://page.example", {"http_proxy": "p:1", "NO_PROXY": "page.example"}, None),
        ("http://127.0.0.1:8080", {"http_proxy": "p:1", "ALL_PROXY": "p:2"}, None),
        ("https://localhost:9101", {"HTTPS_PROXY": "p:1"}, None),
        ("https://127.0.0.2:9101", {"HTTPS_PROXY": "p:1"}, None),
    ],
)
def test_the_proxy_is_the_environments(url: str, environ: dict[str, str], expected: str | None) -> None:
    found = proxy_for(url, environ)
    assert (None if found is None else found.url) == expected


@pytest.mark.parametrize(
    ("answer", "sent"),
    [(http("407 Proxy Authentication Required"), False), (b"HTTP/1.1 200 OK\r\n\r\n", False)],
)
async def test_law_05_a_proxy_that_makes_no_tunnel_has_sent_nothing(answer: bytes, sent: bool) -> None:
    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        await asyncio.sleep(0.05)
        return False

    async with raw_server(talk) as proxy:
        transport = open_transport(org_at("https://api.datadoghq.com"), {"HTTPS_PROXY": proxy.url})
        into = await exchanged(transport, "https://api.datadoghq.com/api/v2/hamr")
        assert into.sent is sent
        assert into.failure
        assert [request.split(b"\r\n")[0] for request in proxy.requests] == [
            b"CONNECT api.datadoghq.com:443 HTTP/1.1"
        ]
        assert b"canary" not in b"".join(proxy.requests)


async def test_law_17_no_netrc_adds_a_header(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ana password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    async with raw_server(says(http("200 OK", b"{}"))) as server:
        into = await exchanged(open_transport(org_at(server.url)), server.url)
        assert into.whole
        assert b"authorization" not in server.requests[0].lower()


async def exchanged(transport: Transport, url: str) -> Exchanged:
    into = Exchanged()
    try:
        await exchange(transport, Outgoing("GET", url, {"DD-API-KEY": "canary"}), SHORT, into)
    finally:
        await transport.aclose()
    return into


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a\nb", "http://" + "a" * 300 + "\u20ac" * 3, "gopher://a"]
)
async def test_a_url_that_cannot_be_used_is_not_sent(url: str) -> None:
    into = await exchanged(open_transport(org_at("http://127.0.0.1")), url)
    assert into.sent is False
    assert into.failure


def test_certificates_are_loaded_once_for_all_that_trusts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[ssl.SSLContext] = []
    load = httpx.create_ssl_context

    def noted() -> ssl.SSLContext:
        loaded.append(load())
        return loaded[-1]

    monkeypatch.setattr(httpx, "create_ssl_context", noted)
    trust, orgs = Trust(), pair_at("https://api.datadoghq.com", "https://api.datadoghq.eu").orgs
    trust.load_beside(orgs)
    both = open_transports(orgs, {}, trust)
    event = open_transport(orgs.primary, {}, trust)
    page = open_page_transport("https://status.datadoghq.com", {}, trust)
    assert {context_of(each) for each in (*both, event, page)} == set(loaded)
    assert len(loaded) == 1


def test_an_org_without_tls_loads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: pytest.fail("nobody needs them"))
    trust, orgs = Trust(), pair_at("http://127.0.0.1:9101", "http://127.0.0.1:9102").orgs
    trust.load_beside(orgs)
    open_transports(orgs, {}, trust)


US, EU, ELSEWHERE = "https://api.us.example", "https://api.eu.example", "https://api.ap.example"


def orgs(primary: str, secondary: str) -> Both[Org]:
    key = EnvironmentKey("A")
    made = (
        Org(role, "O", "u", url, "us1", Wire.AUTO, key, key)
        for role, url in zip(Role, (primary, secondary), strict=True)
    )
    return Both(*made)


def answer(code: int, **headers: str) -> httpx.Response:
    return httpx.Response(code, headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize(
    ("response", "waited"),
    [
        (answer(200, retry_after="7"), 0.0),
        (answer(429, retry_after="3"), 3.0),
        (answer(429), 1.0),
        (answer(429, retry_after="600"), 10.0),
    ],
)
async def test_a_pair_waits_for_a_site_that_had_enough_and_no_longer_than_ten_seconds(
    response: httpx.Response, waited: float
) -> None:
    clock = HandClock(seconds=100.0)
    sites = Sites(clock)
    sites.heard(EU, response)
    await sites.wait_for(orgs(US, ELSEWHERE))
    assert clock.seconds == 100.0, "a pair of other sites waits for nobody"
    await sites.wait_for(orgs(US, EU))
    assert clock.seconds == 100.0 + waited
    await sites.wait_for(orgs(US, EU))
    assert clock.seconds == 100.0 + waited, "once"
