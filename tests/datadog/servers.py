"""Raw servers, which answer with exactly the bytes that a test gives them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct, field

TLS = Path(__file__).parent / "tls"
CA = str(TLS / "ca.pem")

Talk = Callable[[bytes, asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request, and returns whether to go on listening."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[object, object, None]]
"""Serves one connection."""


class RawServer(Struct):
    """What a raw server was sent."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


def says(answer: bytes, *, on: bool = True) -> Talk:
    """Answers every request with these bytes, and goes on listening or closes the connection."""

    async def talk(_: bytes, writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        return on

    return talk


async def one_request(reader: asyncio.StreamReader) -> bytes:
    """The bytes of one request, its body included; b"" at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = (line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return head + await reader.readexactly(int(next(lengths, 0)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@asynccontextmanager
async def listening(serve: Serve, certificate: str | None = None) -> AsyncIterator[str]:
    """The URL of a free loopback port, each of whose connections is served so; with a certificate of tls/, behind TLS."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / certificate)
    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def raw_server(talk: Talk, certificate: str | None = None) -> AsyncIterator[RawServer]:
    """A server on a free loopback port; with the name of a certificate in tls/, it speaks TLS."""
    server = RawServer("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while request := await one_request(reader):
                server.requests.append(request)
                if not await talk(request, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async with listening(serve, certificate) as server.url:
        yield server


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, to its end."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def slow_way(to: str, before: Callable[[], Awaitable[None]]) -> AsyncIterator[str]:
    """A way to a server by which the first bytes of each connection wait for `before`; yields the URL at its beginning."""
    scheme, _, place = to.partition("://")
    host, _, port = place.partition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            first = await reader.read(65536)
            await before()
            onward_reader, onward_writer = await asyncio.open_connection(host, int(port))
            writers.append(onward_writer)
            onward_writer.write(first)
            await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            for each in writers:
                each.close()
                with contextlib.suppress(ConnectionError):
                    await each.wait_closed()

    async with listening(serve) as url:
        yield url.replace("http", scheme, 1)


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """One HTTP/1.1 answer, whole."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
