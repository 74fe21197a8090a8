"""One HTTP exchange with one org's API, and what is known of it however it ends. The only module that knows httpx.

The transport is driven directly, without httpx's client: so nothing follows a redirect, keeps a cookie, reads a
.netrc or retries, and what is sent is what is written here.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from orchestrator.errors import PreparationError
from orchestrator.lean_import import left_out, looked_for_once
from orchestrator.model.playbook import Timeouts
from orchestrator.model.status import Both

from .proxy import proxy_for

with left_out("httpx", "httpx._main") as _without_command_line:
    import httpx

looked_for_once("sniffio")

if _without_command_line:

    def _command_line() -> None:
        """The command line of httpx, loaded when somebody calls it after all."""
        from httpx._main import main  # noqa: PLC0415 - what is being left out above

        main()

    httpx.main = _command_line  # type: ignore[assignment]

Transport = httpx.AsyncBaseTransport
"""What a test may put in the place of the network."""

LARGEST_BODY = 1024 * 1024
"""Bytes. A HAMR record has a few hundred."""

KEEP_ALIVE = 120.0
"""Seconds an idle connection is kept: longer than any pause between the steps of a row."""

_CONNECTIONS = 8


@dataclass(slots=True)
class Exchanged:
    """How far one exchange came. Filled while it goes on, so that a time-out leaves what was known by then."""

    began: float | None = None
    """On our monotonic clock, when the keys were there and the request began; None where it did not come to that."""
    sent: bool = False
    """Whether the server may have seen the request; False only where that is certain."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names in lower case."""
    body: bytes = b""
    whole: bool = False
    """The body is there, to its end."""
    refused: str = ""
    """Why we did not read the body, which is no failure of the connection: too large, or compressed."""
    failure: str = ""
    """What went wrong with the connection, in words."""


def seconds(span: timedelta) -> float:
    """A duration in seconds."""
    return span.total_seconds()


class ReadOnly(httpx.AsyncBaseTransport):
    """A transport that cannot send anything but a GET (law 2). It refuses before anything leaves."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a GET on.

        Raises:
            RuntimeError: it is not a GET: a mistake in this program, so it is loud.
        """
        if request.method != "GET":
            raise RuntimeError(f"a plan reads only: {request.method} {request.url} was not sent")
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def open_transports(
    base_urls: Both[str], environ: Mapping[str, str] | None = None, *, connections: int | None = _CONNECTIONS
) -> Both[Transport]:
    """Connections to both orgs' APIs, apart from each other; the certificates are loaded once. As `open_transport`."""
    context = _verifying() if any(_is_secure(url) for url in base_urls) else None
    primary, secondary = (open_transport(url, environ, context, connections=connections) for url in base_urls)
    return Both(primary, secondary)


def open_transport(
    base_url: str,
    environ: Mapping[str, str] | None = None,
    verifying: ssl.SSLContext | None = None,
    *,
    connections: int | None = _CONNECTIONS,
) -> Transport:
    """Connections to one org's API, opened when first needed and kept alive.

    TLS is always verified, against the system administrator's SSL_CERT_FILE or SSL_CERT_DIR where set, else against
    the certificates that come with httpx. An https API is reached through the proxy of HTTPS_PROXY or ALL_PROXY,
    minding NO_PROXY, since the tunnel keeps keys from it; an http one (the simulator) never is. SSLKEYLOGFILE is not
    obeyed: it would write down what decrypts the keys.

    Args:
        base_url: what is asked: its scheme and host count.
        environ: where the proxy is found; None for this process's own.
        verifying: certificates that are loaded already.
        connections: how many there may be at once, more requests waiting; None for as many as are needed.

    Raises:
        PreparationError: the certificates or the proxy cannot be used.
    """
    environ = os.environ if environ is None else environ
    secure = _is_secure(base_url)
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_ALIVE
    )
    # Loading certificates takes a while, and http needs none: a context that trusts nobody is safe there.
    context = (verifying or _verifying()) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxy = proxy_for(base_url, environ) if secure else None
    try:
        return httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=proxy)
    except (ImportError, ValueError, httpx.InvalidURL):
        raise PreparationError(
            f"The proxy for {base_url} (HTTPS_PROXY or ALL_PROXY) cannot be used: only http:// and https:// proxies can.",
            next_steps=("unset HTTPS_PROXY ALL_PROXY",),
        ) from None


def _is_secure(url: str) -> bool:
    return urlsplit(url).scheme == "https"


def _verifying() -> ssl.SSLContext:
    try:
        context = httpx.create_ssl_context()
    except OSError as error:
        place = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "")
        where = f"{place}={os.environ[place]}" if place else "httpx's own certificates"
        raise PreparationError(
            f"The certificates to verify Datadog's API with cannot be loaded from {where}: {error.strerror or error}.",
            next_steps=(f"unset {place}",) if place else (),
        ) from None
    # None switches it off, which typeshed does not know.
    context.keylog_filename = None  # type: ignore[assignment]
    return context


_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


async def exchange(
    transport: Transport,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    content: bytes | None,
    timeouts: Timeouts,
    into: Exchanged,
) -> None:
    """Send one request and read its answer into `into`. Only cancellation is raised, a deadline's included.

    What is not known to have stayed here counts as sent.
    """
    connect, read = seconds(timeouts.connect), seconds(timeouts.read)
    limits = {"connect": connect, "pool": connect, "read": read, "write": read}
    into.sent = True
    trail = _Trail(into)
    try:
        request = httpx.Request(
            method,
            url,
            headers=dict(headers),
            content=content,
            extensions={"timeout": limits, "trace": trail.follow},
        )
    except (httpx.InvalidURL, ValueError, TypeError):
        into.sent, into.failure = False, f"the request to {url} cannot be put together"
        return
    try:
        response = await transport.handle_async_request(request)
        try:
            into.status = response.status_code
            into.headers = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
            await _read(response, into)
        finally:
            await response.aclose()
    except _NEVER_SENT as error:
        into.sent, into.failure = False, _words(error, timeouts)
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError) as error:
        into.failure = _words(error, timeouts)
    finally:
        await trail.close()


class _Trail:
    """Follows what httpx's real transport tells of each step of a request. One that tells nothing is fine too."""

    def __init__(self, into: Exchanged) -> None:
        self._into = into
        self._left = False
        self._connection: Any = None

    async def follow(self, event: str, details: Mapping[str, object]) -> None:
        """Take note of a step: connecting proves that the request is still here, its headers leaving end that."""
        if event.endswith("send_request_headers.started"):
            # Asking a proxy for a tunnel is not yet the request.
            self._left = self._left or getattr(details.get("request"), "method", b"") != b"CONNECT"
            self._into.sent = self._left
            self._connection = None if self._left else self._connection
        elif event == "connection.connect_tcp.started":
            self._into.sent = self._left
        elif event == "connection.connect_tcp.complete":
            self._connection = details.get("return_value")

    async def close(self) -> None:
        """Close a connection that was given up during its TLS handshake, which httpcore forgets to."""
        if self._connection is not None:
            await self._connection.aclose()


async def _read(response: httpx.Response, into: Exchanged) -> None:
    encoding = into.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        into.refused = "the answer is compressed, which was not asked for"
        return
    body = bytearray()
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        body += chunk
        if len(body) > LARGEST_BODY:
            into.body = bytes(body[:LARGEST_BODY])
            into.refused = f"the answer is larger than {LARGEST_BODY // 1024} KiB"
            return
    into.body, into.whole = bytes(body), True


def _words(error: Exception, timeouts: Timeouts) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return f"no connection within {seconds(timeouts.connect):g} s"
        case httpx.ReadTimeout():
            return f"no answer for {seconds(timeouts.read):g} s"
        case httpx.WriteTimeout():
            return f"the request could not be sent within {seconds(timeouts.read):g} s"
        case httpx.ConnectError():
            return f"no connection: {_innermost(error)}"
        case httpx.ProxyError():
            return f"the proxy refused: {_innermost(error)}"
        case httpx.RemoteProtocolError():
            return f"the answer broke off or was no HTTP: {_innermost(error)}"
        case httpx.NetworkError():
            return f"the connection broke: {_innermost(error)}"
        case _:
            return f"the exchange failed: {_innermost(error)}"


def _innermost(error: BaseException) -> str:
    """The words of the first cause: those of the operating system, mostly."""
    while (cause := _cause(error)) is not None:
        error = cause
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # asyncio puts words of its own into strerror
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _cause(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):  # one for each address of a host
        return cast("BaseException", error.exceptions[0])
    told = error.args[0] if error.args else None  # where httpcore keeps it
    return error.__cause__ or (told if isinstance(told, BaseException) else None)
