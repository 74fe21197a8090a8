"""One HTTP exchange with one org's API, and what is known of it however it ends. Only this and `connections` know httpx."""

from __future__ import annotations

import asyncio
import http.cookiejar  # noqa: F401 - see below
import re
import zlib
from collections.abc import AsyncIterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

from msgspec import Struct, field

from orchestrator.model.playbook import Timeouts
from orchestrator.model.protocols import Clock
from orchestrator.model.reading import Hampered
from orchestrator.system.lean_import import left_out, looked_for_once

from .local_trouble import Way, refused_by_proxy, trouble_of, words_of

_AS_IT_IS = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_LONGEST_NAME = 40


class Unpacker:
    """Takes a body piece by piece, `largest` bytes of it unpacked at most; nothing where its Content-Encoding is one that cannot be unpacked."""

    def __init__(self, encoding: str, largest: int) -> None:
        names = [name for part in encoding.lower().split(",") if (name := part.strip()) not in _AS_IT_IS]
        packed = len(names) == 1 and names[0] in _PACKED
        self._largest = largest
        self._unpacking = zlib.decompressobj(_GZIP_OR_ZLIB) if packed else None
        self._body = bytearray()
        self._came = 0
        self.problem = ""
        """Why it is of no use, in words; nothing is taken after that."""
        if names and not packed:
            shown = re.sub(r"[^a-z0-9 -]", "?", " and ".join(names))[:_LONGEST_NAME]
            self.problem = f"the answer is compressed ({shown}), which was not asked for"

    @property
    def body(self) -> bytes:
        """What is there of it, at most its largest size."""
        return bytes(self._body[: self._largest])

    def add(self, data: bytes) -> bool:
        """Take what came next; whether more is wanted."""
        self._came += len(data)
        self._body += data if self._unpacking is None else self._unpacked(data)
        if max(len(self._body), self._came) > self._largest:
            self.problem = self.problem or f"the answer is larger than {self._largest // 1024} KiB"
        return not self.problem

    def _unpacked(self, data: bytes) -> bytes:
        if self._unpacking is None or self._unpacking.eof:
            return b""
        ways = [self._unpacking]
        if self._came == len(data):  # "deflate" may come without its wrapping: some servers send it so
            ways.append(zlib.decompressobj(-zlib.MAX_WBITS))
        for way in ways:
            self._unpacking = way
            with suppress(zlib.error):
                return way.decompress(data, self._largest + 1 - len(self._body))
        self.problem = "the answer is said to be compressed, and cannot be unpacked"
        return b""

    def end(self) -> None:
        """Nothing more comes."""
        if self._unpacking is not None and self._came and not self._unpacking.eof and not self.problem:
            self.problem = "the answer is compressed, and its end is missing"


# httpx would load http.cookiejar from so deep within its own imports that each of 500 calls, which compile its patterns, gets
# a new piece of stack from the system and gives it back: 7 us a call. From here it is loaded on one that stands.
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

TOO_LATE = "the connection took longer than the check is good for; it was not sent"
KEYS_TOO_LATE = "its keys took longer than the check is good for; it was not sent"

LARGEST_BODY = 1024 * 1024
"""Bytes, unpacked. A HAMR record has a few hundred."""

ANEW = "hamr.anew"
"""Request extension: it is to go over a new connection."""

PROXY = "hamr.proxy"
"""Request extension, set by the connections: the variable that names the proxy which they go through."""


class Exchanged(Struct):
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
    reused: bool = False
    """The request left on a connection that stood already, and that may be dead without anybody here knowing."""
    trouble: Hampered | None = None
    """What stands in the way on this machine or in its network, where the failure is that."""
    renewed: bool = False
    """It was denied, and its keys are others by now."""


class Barred(httpx.AsyncBaseTransport):
    """What stands in the place of connections that this machine cannot make: every request ends here, and says why."""

    def __init__(self, why: Hampered) -> None:
        self._why = why

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002 - as httpx calls it
        """Send nothing."""
        raise _BarredError(self._why)


class _BarredError(Exception):
    def __init__(self, why: Hampered) -> None:
        super().__init__(why.reason)
        self.why = why


class TooLate(Exception):
    """A request would leave later than it may."""


class Departure(Struct):
    """The last moment for a request to leave (law 6), and how long its exchange may take once it left."""

    clock: Clock
    by: float
    """On our monotonic clock."""
    by_wall: float
    """The same by the wall clock, as a Unix time: while this machine is suspended, that one alone goes on (law 18)."""
    bound: asyncio.Timeout
    """What ends the exchange."""
    end: float
    """On the loop's clock: when the exchange is to be over."""

    def connect(self) -> None:
        """A new connection is being made for it: that may take as long as the request may still leave."""
        left = max(0.0, self.by - self.clock.monotonic())
        self._over_at(min(self.end, asyncio.get_running_loop().time() + left))

    def leave(self) -> None:
        """Let its first byte go; TooLate where it may not any more."""
        if self.clock.monotonic() > self.by or self.clock.now().timestamp() > self.by_wall:
            raise TooLate
        self._over_at(self.end)

    def _over_at(self, moment: float) -> None:
        if not self.bound.expired():
            self.bound.reschedule(moment)


class ReadOnly(httpx.AsyncBaseTransport):
    """A transport that cannot send anything but a GET (law 2). It refuses before anything leaves."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a GET on; anything else is a mistake in this program, so it is loud: a RuntimeError."""
        if request.method != "GET":
            raise RuntimeError(f"a plan reads only: {request.method} {request.url} was not sent")
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Outgoing(Struct, frozen=True):
    """A request, before it is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    """All that are sent, beside those that HTTP itself needs."""
    content: bytes | None = None
    anew: bool = False
    """Whether it must go over a new connection."""
    departure: Departure | None = None
    """Bounds connecting, and is asked just before the request leaves; where it says no, nothing is sent."""


async def exchange(transport: Transport, outgoing: Outgoing, timeouts: Timeouts, into: Exchanged) -> None:
    """Send one request and read its answer into `into`. Only cancellation is raised, a deadline's included.

    What is not known to have stayed here counts as sent.
    """
    connect, read = timeouts.connect.total_seconds(), timeouts.read.total_seconds()
    limits = {"connect": connect, "pool": connect, "read": read, "write": read}
    into.sent = True
    trail = _Trail(into, outgoing.url, outgoing.departure)
    try:
        request = httpx.Request(
            outgoing.method,
            outgoing.url,
            headers=dict(outgoing.headers),
            content=outgoing.content,
            extensions={"timeout": limits, "trace": trail.follow, ANEW: outgoing.anew},
        )
    except (httpx.InvalidURL, ValueError, TypeError):
        into.sent, into.failure = False, f"the request to {outgoing.url} cannot be put together"
        return
    try:
        response = await transport.handle_async_request(request)
        try:
            into.status = response.status_code
            into.headers = MappingProxyType({name.lower(): value for name, value in response.headers.items()})
            await _read(response, into)
        finally:
            await response.aclose()
    except TooLate:
        into.sent, into.failure = False, TOO_LATE
    except _BarredError as error:
        into.sent, into.failure, into.trouble = False, error.why.reason, error.why
    except _NEVER_SENT as error:
        into.sent, into.failure = False, _words(error, timeouts)
        into.trouble = _trouble(error, trail.way(str(request.extensions.get(PROXY, ""))))
        if into.trouble is not None:
            into.failure = into.trouble.reason
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError) as error:
        into.failure = _words(error, timeouts)
    finally:
        await trail.close()


class _Trail(Struct):
    """Follows what httpx's real transport tells of each step of a request. One that tells nothing is fine too."""

    into: Exchanged
    url: str
    departure: Departure | None
    left: bool = False
    connected_to: str = ""
    tunnelling: bool = False
    connection: Any = None

    async def follow(self, event: str, details: Mapping[str, object]) -> None:
        """Take note of a step: connecting proves that the request is still here, its headers leaving end that; TooLate where they may not leave any more."""
        if event.endswith("send_request_headers.started"):
            if getattr(details.get("request"), "method", b"") == b"CONNECT":
                self.tunnelling = True  # asking a proxy for a tunnel is not yet the request
                self.into.sent = self.left
                return
            if self.departure is not None:
                self.departure.leave()
            self.left = self.into.sent = True
            self.into.reused = not self.connected_to
            self.connection = None
        elif event == "connection.connect_tcp.started":
            self.into.sent = self.left
            if self.departure is not None:
                self.departure.connect()
            self.connected_to = f"{details.get('host')}:{details.get('port')}"
        elif event == "connection.connect_tcp.complete":
            self.connection = details.get("return_value")

    def way(self, proxy: str) -> Way:
        """How far connecting came. The argument is the variable of the proxy on the way; "" for none."""
        host = urlsplit(self.url).hostname or self.url
        return Way(host, proxy, self.connected_to, self.tunnelling)

    async def close(self) -> None:
        """Close a connection that was given up during its TLS handshake, which httpcore forgets to."""
        if self.connection is not None:
            await self.connection.aclose()


async def _read(response: httpx.Response, into: Exchanged) -> None:
    unpacker = Unpacker(into.headers.get("content-encoding", ""), LARGEST_BODY)
    if not unpacker.problem:
        async for chunk in cast("AsyncIterable[bytes]", response.stream):
            if not unpacker.add(chunk):
                break
    unpacker.end()
    into.body, into.refused, into.whole = unpacker.body, unpacker.problem, not unpacker.problem


def _trouble(error: Exception, way: Way) -> Hampered | None:
    match error:
        case httpx.ProxyError():
            return refused_by_proxy(error, way)
        case httpx.ConnectTimeout():
            return trouble_of(error, "it did not answer in time", way)
        case httpx.ConnectError():
            return trouble_of(error, words_of(error), way)
        case _:
            return None


def _words(error: Exception, timeouts: Timeouts) -> str:
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return f"no connection within {timeouts.connect.total_seconds():g} s"
        case httpx.ReadTimeout():
            return f"no answer for {timeouts.read.total_seconds():g} s"
        case httpx.WriteTimeout():
            return f"the request could not be sent within {timeouts.read.total_seconds():g} s"
        case httpx.ConnectError():
            return f"no connection: {words_of(error)}"
        case httpx.ProxyError():
            return f"the proxy refused: {words_of(error)}"
        case httpx.RemoteProtocolError():
            return f"the answer broke off or was no HTTP: {words_of(error)}"
        case httpx.NetworkError():
            return f"the connection broke: {words_of(error)}"
        case _:
            return f"the exchange failed: {words_of(error)}"
