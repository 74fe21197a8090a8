"""Connections to one host: opened when first needed, kept for a while, and all replaced by new ones on request."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import httpx  # leanly: the package has loaded .transport before this
from msgspec import Struct

from orchestrator.errors import PreparationError
from orchestrator.model.org import Org
from orchestrator.model.reading import Hampered, Trouble
from orchestrator.model.status import Both

from .local_trouble import words_of
from .network import Network
from .proxy import Proxy, proxy_for
from .transport import ANEW, PROXY, Barred, Transport

KEEP_ALIVE = 30.0
"""Seconds an idle connection is kept: longer than a pause between two looks, shorter than most firewalls remember."""

_CONNECTIONS = 8


class _Generation(Struct):
    """Connections of one age, and how many requests are on their way over them."""

    transport: Transport
    busy: int = 0
    retired: bool = False

    async def done(self) -> None:
        """A request is over; so are these connections, where new ones took their place."""
        self.busy -= 1
        if self.retired and not self.busy:
            await self.transport.aclose()


class Pool(httpx.AsyncBaseTransport):
    """Connections to one host. A request that is marked ANEW, and all after it, go over connections that are new.

    Args:
        open_connections: opens a set of them.
        proxy: what they go through, which a failure to connect is then told of.
    """

    def __init__(self, open_connections: Callable[[], Transport], proxy: Proxy | None) -> None:
        self._open = open_connections
        self._proxy = proxy
        self._present = _Generation(open_connections())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, over connections of an age that its mark allows."""
        if request.extensions.get(ANEW):
            await self._renew()
        if self._proxy is not None:
            request.extensions[PROXY] = self._proxy.variable
        generation = self._present
        generation.busy += 1
        try:
            response = await generation.transport.handle_async_request(request)
        except BaseException:
            await generation.done()
            raise
        response.stream = _Answer(cast("httpx.AsyncByteStream", response.stream), generation)
        return response

    async def _renew(self) -> None:
        """Use new connections from now on. Those of before are closed when their requests are over."""
        before, self._present = self._present, _Generation(self._open())
        before.retired = True
        if not before.busy:
            await before.transport.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._present.transport.aclose()


class _Answer(httpx.AsyncByteStream):
    """An answer's body, which tells its connections when it is over."""

    def __init__(self, inner: httpx.AsyncByteStream, generation: _Generation) -> None:
        self._inner = inner
        self._generation: _Generation | None = generation

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        generation, self._generation = self._generation, None
        try:
            await self._inner.aclose()
        finally:
            if generation is not None:
                await generation.done()


def open_transports(
    orgs: Both[Org], environ: Mapping[str, str] | None = None, *, connections: int | None = _CONNECTIONS
) -> Both[Transport]:
    """Connections to both orgs' APIs, apart from each other; certificates are loaded once. As `open_transport`."""
    shared: dict[str | None, ssl.SSLContext | Hampered] = {}

    def opened(org: Org) -> Transport:
        if _is_secure(org.base_url) and org.ca not in shared:
            shared[org.ca] = _verifying(org.ca)
        return open_transport(org, environ, shared.get(org.ca), connections=connections)

    return Both(opened(orgs.primary), opened(orgs.secondary))


def open_transport(
    org: Org,
    environ: Mapping[str, str] | None = None,
    verifying: ssl.SSLContext | Hampered | None = None,
    *,
    connections: int | None = _CONNECTIONS,
) -> Transport:
    """Connections to one org's API, opened when first needed and kept alive.

    TLS is always verified, against the system administrator's SSL_CERT_FILE or SSL_CERT_DIR where set, else against
    the certificates that come with httpx, and against the org's `ca` as well. An https API is reached through the
    proxy of HTTPS_PROXY or ALL_PROXY, minding NO_PROXY, since the tunnel keeps keys from it; an http one (the
    simulator) never is, since a proxy would read them. SSLKEYLOGFILE is not obeyed: it would write down what decrypts
    the keys. A `ca` that cannot be used is this org's trouble alone: then every request to it fails, and says so.

    Args:
        org: what is asked.
        environ: where the proxy is found; None for this process's own.
        verifying: certificates that are loaded already, or why they cannot be.
        connections: how many there may be at once, more requests waiting; None for as many as are needed.

    Raises:
        PreparationError: the machine's own certificates or the proxy cannot be used.
    """
    environ = os.environ if environ is None else environ
    if not _is_secure(org.base_url):
        return _opened(org.base_url, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), None, connections)
    context = verifying or _verifying(org.ca)
    if isinstance(context, Hampered):
        return Barred(context)
    return _opened(org.base_url, context, proxy_for(org.base_url, environ), connections)


def open_page_transport(url: str, environ: Mapping[str, str]) -> Transport:
    """Connections to a web page's host, through the proxy for its URL if there is one. No keys go over them.

    Raises:
        PreparationError: the certificates or the proxy cannot be used.
    """
    context = _machines_own() if _is_secure(url) else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _opened(url, context, proxy_for(url, environ), None)


def _opened(url: str, context: ssl.SSLContext, proxy: Proxy | None, connections: int | None) -> Transport:
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_ALIVE
    )
    network = Network()
    through = None if proxy is None else proxy.url

    def open_connections() -> Transport:
        opened = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=through)
        # httpx has no argument for what httpcore documents as its network_backend.
        opened._pool._network_backend = network  # noqa: SLF001 - as said
        return opened

    try:
        return Pool(open_connections, proxy)
    except (ImportError, ValueError, httpx.InvalidURL):
        variable = "" if proxy is None else proxy.variable
        raise PreparationError(
            f"The proxy for {url} ({variable}) cannot be used: only http:// and https:// proxies can.",
            next_steps=(f"unset {variable}",),
        ) from None


def _is_secure(url: str) -> bool:
    return urlsplit(url).scheme == "https"


def _verifying(ca: str | None) -> ssl.SSLContext | Hampered:
    """What verifies an org's certificate, or why its `ca` cannot be used."""
    context = _machines_own()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except OSError as error:
            return Hampered(
                f"the certificates of ca: {ca} in pairs.yaml cannot be loaded: {words_of(error)}",
                "put that file there, or correct ca",
                Trouble.TRUST,
            )
    return context


def _machines_own() -> ssl.SSLContext:
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
