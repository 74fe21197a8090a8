"""A region as an ASGI app, real listeners on the loopback interface, and connections that can be broken on purpose.

The one place of uvicorn. Its HTTP/1.1 protocol is used without its Server: that one installs signal handlers, opens its listeners once,
and takes its time to stop, while a region's listener comes and goes, and stops at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as StarletteResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from orchestrator.errors import UsageError
from orchestrator.model import next_step
from orchestrator.model.protocols import Clock
from orchestrator.model.status import Role

from .core import Regions
from .wire import MAXIMUM_BODY, Effect, NoAnswer, Response, Truncated

HOST = "127.0.0.1"

_LINGER_ZERO = struct.pack("ii", 1, 0)

_log = logging.getLogger("orchestrator.simulator.http")
_log.setLevel(logging.ERROR)  # a malformed request is the client's business; a bug in the simulator is not


# -- the app ---------------------------------------------------------------------------------------------------

CONNECTION = "hamr.connection"
"""The ASGI scope extension that holds the connection, where the server gives one."""


def region_app(regions: Regions, role: Role, decided: Callable[[], None] = lambda: None) -> ASGIApp:
    """The ASGI app of one region.

    Under a server that gives no RegionProtocol (a test's in-process transport), a request whose connection would
    break raises ConnectionResetError, and a silent one waits until the client leaves. `decided` is called after the
    core has decided and before anything is sent.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await _read(request)
        except ClientDisconnect:
            return
        effect = await regions.handle(
            role, request.method, scope["path"], request.url.query, request.headers, body
        )
        decided()
        closing = {"Connection": "close"} if regions.faults.refusing(role) else {}
        connection: RegionProtocol | None = scope.get("extensions", {}).get(CONNECTION)
        await _Exchange(regions.clock, connection, scope, receive, send, closing).perform(effect)

    return app


async def _read(request: Request) -> bytes:
    """The body, or enough of one to see that it is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAXIMUM_BODY:
            break
    return body


class _Exchange(Struct, frozen=True):
    """One request's connection, on which its effect is brought about."""

    clock: Clock
    connection: RegionProtocol | None
    scope: Scope
    receive: Receive
    send: Send
    closing: Mapping[str, str]
    """Headers that end the connection, where the next one is to be refused."""

    async def perform(self, effect: Effect) -> None:
        """Bring it about."""
        match effect:
            case Response(pace=0):
                response = StarletteResponse(
                    effect.body, effect.status, {**dict(effect.headers), **self.closing}
                )
                await response(self.scope, self.receive, self.send)
            case Response():
                await self._drip(effect)
            case Truncated(response=response, sent=sent):
                await self._start(response)
                await self.send(
                    {"type": "http.response.body", "body": response.body[:sent], "more_body": True}
                )
                self._required().close()
            case NoAnswer.CLOSED:
                self._required().close()
            case NoAnswer.RESET | NoAnswer.REFUSED:
                # A connection that stands cannot be refused any more: the nearest thing is to break it off.
                self._required().reset()
            case NoAnswer.SILENT:
                while (await self.receive())["type"] != "http.disconnect":
                    pass
                if self.connection is not None:
                    self.connection.close()
            case _:
                assert_never(effect)

    async def _drip(self, response: Response) -> None:
        await self._start(response)
        for position in range(len(response.body)):
            if self.connection is not None and self.connection.gone:
                return
            await self.clock.sleep(response.pace)
            byte = response.body[position : position + 1]
            await self.send({"type": "http.response.body", "body": byte, "more_body": True})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _start(self, response: Response) -> None:
        headers = {**dict(response.headers), **self.closing}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": response.status, "headers": raw})

    def _required(self) -> RegionProtocol:
        if self.connection is None:
            raise ConnectionResetError("the simulated region broke off the connection")
        return self.connection


# -- connections and listeners ---------------------------------------------------------------------------------


class RegionProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 connection, handed to the app in the scope so that faults can reach the transport."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _log
        self.access_log = False
        application = self.app

        async def connected(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = {**scope.get("extensions", {}), CONNECTION: self}
            try:
                await application({**scope, "extensions": extensions}, receive, send)
            except asyncio.CancelledError:
                # Only `Listener.stop` cancels a request, after it has broken off the connection.
                self.cycle.disconnected = True

        self.app = connected

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        return self.transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether no request is under way on it."""
        return self._cycle is None or self._cycle.response_complete

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        return self.cycle  # uvicorn's annotation leaves out that there is none before the first request

    def close(self) -> None:
        """Close it once everything that was sent is out."""
        self._leave()
        self.transport.close()

    def dismiss(self) -> None:
        """Close it, idle as it is, at once: its client sees that before it sends anything more."""
        connection = self.transport.get_extra_info("socket")
        if not self.transport.is_closing() and not self.transport.get_write_buffer_size():
            with contextlib.suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_WR)
        self.close()

    def reset(self) -> None:
        """Break it off with an RST."""
        self._leave()
        connection = self.transport.get_extra_info("socket")
        if connection is not None and not self.transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()

    def _leave(self) -> None:
        if self._cycle is not None:
            self._cycle.disconnected = True


class Listener:
    """One region's port (0: a free one): ours from the beginning to the end, open only while the region is there.

    A UsageError where the port cannot be had.
    """

    def __init__(self, app: ASGIApp, port: int, label: str) -> None:
        self._config = Config(
            app=app,
            http="h11",
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_keep_alive=60,
            date_header=False,
            server_header=False,
        )
        self._config.load()
        self._state = ServerState()
        self._listening: socket.socket | None = None
        self._admissions: set[asyncio.Task[None]] = set()
        # Bound and never listening: keeps the port ours while the region is dark, and connections refused.
        self._placeholder = _socket()
        try:
            self._placeholder.bind((HOST, port))
            self.port: int = self._placeholder.getsockname()[1]
            self.open()
        except (OSError, OverflowError) as error:  # the latter: there is no port of that number
            self._placeholder.close()
            raise _unusable(port, label, error) from error

    @property
    def url(self) -> str:
        """Where clients find the region."""
        return f"http://{HOST}:{self.port}"

    def open(self) -> None:
        """Accept connections, from the moment this returns."""
        if self._listening is not None:
            return
        listening = _socket()
        try:
            listening.bind((HOST, self.port))
            listening.listen(128)
        except OSError:
            listening.close()
            raise
        self._listening = listening
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Refuse connections, from the moment this returns. Those that stand are left alone."""
        listening, self._listening = self._listening, None
        if listening is not None:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()

    def break_idle(self) -> None:
        """Close the connections on which no request is under way."""
        for connection in self._connections():
            if connection.idle:
                connection.dismiss()

    def break_all(self) -> None:
        """Reset every connection."""
        for connection in self._connections():
            connection.reset()

    async def stop(self) -> None:
        """Give up the port and everything that is under way, at once."""
        self.close()
        self._placeholder.close()
        await asyncio.gather(*self._admissions)
        self.break_all()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(10):  # the loop calls back each connection that was broken off, and closes its socket
            await asyncio.sleep(0)

    def _accept(self, listening: socket.socket) -> None:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return  # the client left before it was let in
        admission = asyncio.get_running_loop().create_task(self._admit(accepted, listening))
        self._admissions.add(admission)
        admission.add_done_callback(self._admissions.discard)

    async def _admit(self, accepted: socket.socket, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.connect_accepted_socket(self._connection, accepted)
        if self._listening is not listening:  # closed in the meantime
            connection.reset()

    def _connection(self) -> RegionProtocol:
        return RegionProtocol(self._config, self._state, {})

    def _connections(self) -> tuple[RegionProtocol, ...]:
        return tuple(each for each in self._state.connections if isinstance(each, RegionProtocol))


def _socket() -> socket.socket:
    # asyncio switches Nagle's algorithm off only for sockets that say that they are TCP; with it on, each answer
    # waits 40 ms for a delayed acknowledgement.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setblocking(False)
    return made


def _unusable(port: int, label: str, error: Exception) -> UsageError:
    flag = f"--{label}-port"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        reason = f"Port {port} on {HOST} is already taken by another program"
    else:
        reason = f"Port {port} on {HOST} cannot be used ({error})"
    return UsageError(
        f"{reason}, so the simulated {label} region cannot listen there.",
        sent="No region was started.",
        next_steps=(
            next_step.simulate(flag, "0").so_that("take any free port"),
            next_step.shell(f"ss -ltnp 'sport = :{port}'", "see who has it"),
        ),
    )
