"""Connections to one host: through which proxy, by a name that is looked up here, opened when first needed, replaced on request."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import cache, partial
from http import HTTPStatus
from itertools import chain, zip_longest
from typing import Self, TypeVar, cast
from urllib.parse import urlsplit

import httpcore
import httpx  # leanly: the package has loaded .transport before this
from msgspec import Struct

from orchestrator.errors import PreparationError
from orchestrator.model import next_step
from orchestrator.model.org import Org, is_loopback
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import Hampered, Trouble
from orchestrator.model.status import Both

from .answers import retry_after
from .local_trouble import words_of
from .transport import ANEW, PROXY, Barred, Transport
from .wire import PATH

T = TypeVar("T")


class Proxy(Struct, frozen=True):
    """A proxy, and the variable that names it. Its URL may hold a password: it is never shown."""

    url: str
    variable: str

    def __repr__(self) -> str:
        return f"Proxy({self.variable})"


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for a URL, or None for a direct connection.

    https:// goes through HTTPS_PROXY, http:// through http_proxy (in lower case alone: a web server sets HTTP_PROXY
    from a header that anybody may send), either else through ALL_PROXY. Names in lower case win over those in upper
    case. A proxy without a scheme is an http:// one. NO_PROXY lists hosts, domains (with or without a leading dot,
    either covering what is below them), addresses and networks, or "*". A loopback address never goes through a proxy.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    own = ("https_proxy", "HTTPS_PROXY") if parts.scheme == "https" else ("http_proxy",)
    variable = _first_set(environ, (*own, "all_proxy", "ALL_PROXY"))
    if variable is None or is_loopback(host):
        return None
    excepted = _first_set(environ, ("no_proxy", "NO_PROXY"))
    listed = "" if excepted is None else environ[excepted]
    if any(_covers(entry.strip().lower(), host) for entry in listed.split(",")):
        return None
    proxy = environ[variable].strip()
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", variable)


def _first_set(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if environ.get(name, "").strip()), None)


def _covers(entry: str, host: str) -> bool:
    if not entry:
        return False
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        domain = entry.removeprefix("*").lstrip(".").split(":", 1)[0]
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))


STAGGER = 0.25
"""Seconds after which a host's next address is tried beside those that have not answered (RFC 8305)."""

MOST_LOOKUPS = 8
"""Lookups of one host that may hang at the same time; beyond them, the youngest is waited for."""


class Network(httpcore.AnyIOBackend):
    """Opens TCP connections for httpcore, by names that are looked up here."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups: dict[tuple[str, int], list[asyncio.Future[list[str]]]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to whichever of a host's addresses answers first.

        A ConnectTimeout where none did in time, or the name was not found in time; a ConnectError where none can be reached, or there is
        no such name.
        """
        options = None if socket_options is None else list(socket_options)

        async def connect(address: str) -> httpcore.AsyncNetworkStream:
            return await super(Network, self).connect_tcp(address, port, None, local_address, options)

        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
                if len(addresses) == 1:
                    return await connect(addresses[0])
                return await _first(addresses, connect)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error

    async def _addresses(self, host: str, port: int) -> list[str]:
        with suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        loop = asyncio.get_running_loop()
        lookups = self._lookups.setdefault((host, port), [])
        lookups[:] = [lookup for lookup in lookups if not lookup.done() and lookup.get_loop() is loop]
        if len(lookups) < MOST_LOOKUPS:
            lookups.append(_looked_up(loop, host, port))
        return await asyncio.shield(lookups[-1])


def _looked_up(loop: asyncio.AbstractEventLoop, host: str, port: int) -> asyncio.Future[list[str]]:
    """A host's addresses, looked up in a thread that nobody waits for when the program ends."""
    found: asyncio.Future[list[str]] = loop.create_future()
    found.add_done_callback(lambda done: done.exception())  # unlogged, where every waiter has given up on it

    def look_up() -> None:
        try:
            found_here = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            deliver = partial(found.set_result, _in_turn([str(address[0]) for *_, address in found_here]))
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever waits for it
            deliver = partial(found.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver)

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    return found


def _in_turn(found: list[str]) -> list[str]:
    """Each address once, the families by turns, beginning with the one that the system prefers."""
    addresses = list(dict.fromkeys(found))
    if not addresses:
        raise OSError("the name has no address")
    preferred = ":" in addresses[0]
    one = [address for address in addresses if (":" in address) is preferred]
    other = [address for address in addresses if (":" in address) is not preferred]
    return [address for address in chain.from_iterable(zip_longest(one, other)) if address is not None]


async def _first(
    addresses: list[str], connect: Callable[[str], Awaitable[httpcore.AsyncNetworkStream]]
) -> httpcore.AsyncNetworkStream:
    """The first connection that stands; the others are given up. Where none comes about, the first address's error says why."""
    waiting = list(addresses)
    trying: list[asyncio.Future[httpcore.AsyncNetworkStream]] = []
    standing: asyncio.Future[httpcore.AsyncNetworkStream] | None = None
    try:
        while standing is None and (waiting or not all(attempt.done() for attempt in trying)):
            if waiting:
                trying.append(asyncio.ensure_future(connect(waiting.pop(0))))
            pending = [attempt for attempt in trying if not attempt.done()]
            if pending:
                await asyncio.wait(
                    pending, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
            standing = next((one for one in trying if one.done() and one.exception() is None), None)
    finally:
        await _give_up([attempt for attempt in trying if attempt is not standing])
    return (standing or trying[0]).result()


async def _give_up(attempts: list[asyncio.Future[httpcore.AsyncNetworkStream]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for stream in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(stream, httpcore.AsyncNetworkStream):
            await stream.aclose()


KEEP_ALIVE = 30.0
"""Seconds an idle connection is kept: longer than a pause between two looks, shorter than most firewalls remember."""

RATHER_WAIT = 0.25
"""Seconds that a question which can wait does so for a connection that stands, before one more handshake is made for it."""


_WITHOUT_AN_ANSWER = (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)


class _Generation(Struct):
    """Connections of one age, and how many requests are on their way over them."""

    transport: Transport
    busy: int = 0
    most: int = 0
    """How many were on their way at once: so many connections were made."""
    retired: bool = False

    async def done(self) -> None:
        """A request is over; so are these connections, where new ones took their place."""
        self.busy -= 1
        if self.retired and not self.busy:
            await self.transport.aclose()


class Pool(httpx.AsyncBaseTransport):
    """Connections to one host. A request that is marked ANEW, and all after it, go over connections that are new.

    So does a write after one that was lost: a server may close a connection after each answer, and say nothing of it.

    With `urgent`, a path, what is asked at others (probes, events, whose keys they are) goes one by one over a connection that
    stands, leaving one free for what is urgent: a handshake takes two round trips, an answer that is waited for one at
    most. But none waits for more than RATHER_WAIT: one that is slow holds up no other. A failure to connect is told of the proxy.
    """

    def __init__(
        self, open_connections: Callable[[], Transport], proxy: Proxy | None, urgent: str | None = None
    ) -> None:
        self._open = open_connections
        self._proxy = proxy
        self._urgent = urgent
        self._present = _Generation(open_connections())
        self._patient = 0
        """Requests on their way that had to wait their turn."""
        self._one_less = asyncio.Event()
        self._lost = False
        """A write got no answer, and none has left since."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, over connections of an age that its mark allows."""
        writes = request.method != "GET"
        if request.extensions.get(ANEW) or (self._lost and writes):
            self._lost = self._lost and not writes
            await self._renew()
        if self._proxy is not None:
            request.extensions[PROXY] = self._proxy.variable
        patient = self._urgent is not None and not request.url.path.endswith(self._urgent)
        if patient:
            await self._wait_a_moment()
        generation = self._present
        generation.busy += 1
        generation.most = max(generation.most, generation.busy)
        self._patient += patient

        async def over() -> None:
            self._patient -= patient
            self._one_less.set()
            await generation.done()

        try:
            response = await generation.transport.handle_async_request(request)
        except BaseException as error:
            self._lost |= writes and isinstance(error, _WITHOUT_AN_ANSWER)
            await over()
            raise
        response.stream = _Answer(cast("httpx.AsyncByteStream", response.stream), over)
        return response

    async def _wait_a_moment(self) -> None:
        """Until a connection is free that stands already, or soon will, one more beside it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(RATHER_WAIT):
                while self._patient >= max(1, self._present.most - 1):
                    self._one_less.clear()
                    await self._one_less.wait()

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

    def __init__(self, inner: httpx.AsyncByteStream, over: Callable[[], Awaitable[None]]) -> None:
        self._inner = inner
        self._over: Callable[[], Awaitable[None]] | None = over

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        over, self._over = self._over, None
        try:
            await self._inner.aclose()
        finally:
            if over is not None:
                await over()


class Trust:
    """What servers' certificates are verified with: loaded when it is first wanted, and once for each `ca` of an org.

    Loading takes tens of milliseconds. All connections of a run share one, also from several threads.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._loaded: dict[str | None, ssl.SSLContext | Hampered] = {}

    def load_beside(self, orgs: Both[Org]) -> None:
        """Load what both orgs need in a thread, while the program does something else; whoever wants it waits for it."""
        wanted = {org.ca for org in orgs if _is_secure(org.base_url)}

        def load() -> None:
            with suppress(PreparationError):  # whoever wants it is told
                for ca in wanted:
                    self.verifying(ca)

        if wanted:
            threading.Thread(target=load, name="certificates", daemon=True).start()

    def verifying(self, ca: str | None) -> ssl.SSLContext | Hampered:
        """What verifies an org's certificate, or why its `ca` cannot be used; a PreparationError where the machine's own certificates can't be."""
        with self._mutex:
            if ca not in self._loaded:
                self._loaded[ca] = _verifying(ca)
            return self._loaded[ca]

    def of_machine(self) -> ssl.SSLContext:
        """What verifies the certificate of a web page; a PreparationError where the machine's own certificates cannot be used."""
        found = self.verifying(None)
        assert isinstance(found, ssl.SSLContext)  # noqa: S101 - only an org's own certificates are hampered
        return found


def open_transports(
    orgs: Both[Org], environ: Mapping[str, str] | None = None, trust: Trust | None = None
) -> Both[Transport]:
    """Connections to both orgs' APIs, apart from each other; certificates are loaded once. As `open_transport`."""
    trust = trust or Trust()
    return Both(*(open_transport(org, environ, trust) for org in orgs))


def open_transport(
    org: Org,
    environ: Mapping[str, str] | None = None,
    trust: Trust | None = None,
    network: Network | None = None,
) -> Transport:
    """Connections to one org's API, opened when first needed and kept alive.

    TLS is always verified, against the system administrator's SSL_CERT_FILE or SSL_CERT_DIR where set, else against
    the certificates that come with httpx, and against the org's `ca` as well. An https API is reached through the
    proxy of HTTPS_PROXY or ALL_PROXY, minding NO_PROXY, since the tunnel keeps keys from it; an http one (the
    simulator) never is, since a proxy would read them. SSLKEYLOGFILE is not obeyed: it would write down what decrypts
    the keys. A `ca` that cannot be used is this org's trouble alone: then every request to it fails, and says so.

    `environ` None is this process's own, `trust` None loads certificates anew, `network` None looks names up by itself. A
    PreparationError where the machine's own certificates or the proxy cannot be used.
    """
    environ = os.environ if environ is None else environ
    if not _is_secure(org.base_url):
        return _opened(org.base_url, _unused(), None, network=network)
    context = (trust or Trust()).verifying(org.ca)
    if isinstance(context, Hampered):
        return Barred(context)
    return _opened(org.base_url, context, proxy_for(org.base_url, environ), PATH, network)


LONGEST_POLITE = 10.0
"""Seconds that a pair is left for at most because a site had enough; then it is asked all the same."""


class Sites:
    """What the connections of many pairs have in common: one resolver, and which sites have asked to be left alone, for how long by the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.network = Network()
        self._until: dict[str, float] = {}
        """By address, until when, on the monotonic clock."""

    def heard(self, address: str, response: httpx.Response) -> None:
        """Take note of a 429."""
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            asked = retry_after(response.headers, self._clock.now())
            seconds = min(LONGEST_POLITE, _UNSAID if asked is None else asked)
            self._until[address] = max(self._until.get(address, 0.0), self._clock.monotonic() + seconds)

    async def wait_for(self, orgs: Both[Org]) -> None:
        """Before a pair begins: until both its sites may be asked again; LONGEST_POLITE at most."""
        until = max(self._until.get(org.base_url, 0.0) for org in orgs)
        left = min(until - self._clock.monotonic(), LONGEST_POLITE)
        if left > 0:
            await self._clock.sleep(left)


_UNSAID = 1.0
"""Seconds, where a 429 does not say for how long."""


class SharedConnections:
    """Connections that one pair's orgs after the other use: one set for each address, opened when first needed.

    Each org's client brings its own keys, and closes nothing here. `sites` is what they have in common with other such connections.
    """

    def __init__(self, trust: Trust, sites: Sites | None = None) -> None:
        self._trust = trust
        self._sites = sites
        self._opened: dict[tuple[str, str | None], Transport] = {}

    def to(self, orgs: Both[Org]) -> Both[Transport]:
        """Connections to both orgs' APIs, raising as `open_transport`."""
        return Both(*(_Lent(self._to(org), org.base_url, self._sites) for org in orgs))

    def _to(self, org: Org) -> Transport:
        address = (org.base_url, org.ca)
        if address not in self._opened:
            network = None if self._sites is None else self._sites.network
            self._opened[address] = open_transport(org, trust=self._trust, network=network)
        return self._opened[address]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for transport in self._opened.values():
            await transport.aclose()


async def in_lanes(
    items: Collection[T],
    at_once: int,
    connections: Callable[[], SharedConnections],
    work: Callable[[T, SharedConnections], Awaitable[None]],
) -> None:
    """Do some work for each of several, so many at the same time.

    Each lane has connections of its own: one large pool takes longer to search than an answer takes to come.
    """
    waiting = iter(items)

    async def lane() -> None:
        async with connections() as shared:
            for item in waiting:
                await work(item, shared)

    await asyncio.gather(*(lane() for _ in range(min(at_once, len(items)))))


class _Lent(httpx.AsyncBaseTransport):
    """Connections that are others' too: closing this leaves them open."""

    def __init__(self, inner: Transport, address: str, sites: Sites | None) -> None:
        self._inner, self._address, self._sites = inner, address, sites

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if self._sites is not None:
            self._sites.heard(self._address, response)
        return response


def open_page_transport(url: str, environ: Mapping[str, str], trust: Trust) -> Transport:
    """Connections to a web page's host, through the proxy for its URL if there is one. No keys go over them.

    A PreparationError where the certificates or the proxy cannot be used.
    """
    context = trust.of_machine() if _is_secure(url) else _unused()
    return _opened(url, context, proxy_for(url, environ))


def _opened(
    url: str,
    context: ssl.SSLContext,
    proxy: Proxy | None,
    urgent: str | None = None,
    network: Network | None = None,
) -> Transport:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_ALIVE)
    network = network or Network()

    def open_connections() -> Transport:
        through = None if proxy is None else proxy.url
        opened = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=through)
        # httpx has no argument for what httpcore documents as its network_backend.
        opened._pool._network_backend = network  # noqa: SLF001 - as said
        return opened

    try:
        return Pool(open_connections, proxy, urgent)
    except (ImportError, ValueError, httpx.InvalidURL):
        variable = "" if proxy is None else proxy.variable
        raise PreparationError(
            f"The proxy for {url} ({variable}) cannot be used: only http:// and https:// proxies can.",
            next_steps=(next_step.shell(f"unset {variable}", "go on without that proxy"),),
        ) from None


@cache
def _unused() -> ssl.SSLContext:
    """What httpx wants for connections without TLS, too, and would make anew for each."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


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
                f"the certificates of ca: {ca} in pairs.yaml cannot be loaded: {_not_loaded(error)}",
                "put that file there, or correct ca",
                Trouble.TRUST,
            )
    return context


def _not_loaded(error: OSError) -> str:
    return "it holds none in PEM" if isinstance(error, ssl.SSLError) else words_of(error)


def _machines_own() -> ssl.SSLContext:
    place = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "")
    try:
        context = httpx.create_ssl_context()
        # Of folders that are not there, OpenSSL says nothing; of several, one is enough.
        folders = os.environ[place].split(os.pathsep) if place == "SSL_CERT_DIR" else []
        if folders and not any(os.access(folder, os.R_OK | os.X_OK) for folder in folders):
            os.scandir(folders[0]).close()
    except OSError as error:
        where = f"{place}={os.environ[place]}" if place else "httpx's own certificates"
        raise PreparationError(
            f"The certificates to verify Datadog's API with cannot be loaded from {where}: {_not_loaded(error)}.",
            next_steps=(next_step.shell(f"unset {place}", "go by this machine's own"),) if place else (),
        ) from None
    # None switches it off, which typeshed does not know.
    context.keylog_filename = None  # type: ignore[assignment]
    return context
