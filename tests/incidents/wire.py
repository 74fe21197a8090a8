"""The client's transport without a network: each request is a task of the region's own, which goes on when the client dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, cast

import httpx
from msgspec import Struct

from orchestrator.model.plain import JSON
from orchestrator.model.status import Both, Role
from orchestrator.simulator import (
    RECORD_PATH,
    ConnectionRefused,
    Effect,
    NoAnswer,
    Regions,
    Response,
    Truncated,
)

from .killable import Process, ProcessClock, ProcessLoop, world_context
from .tape import Asked, Tape

Trace = Callable[[str, dict[str, object]], Awaitable[None]]


class Doom(Struct):
    """At which of its requests, or journal operations, a process dies; counted from 1, 0: never."""

    before: int = 0
    """Before that one has any effect."""
    after: int = 0
    """When it has reached the other side, and nothing is known here."""
    answered: int = 0
    """With the answer at the door. Requests only."""
    count: int = 0

    def next(self) -> int:
        """Count one."""
        self.count += 1
        return self.count


class Connecting(Protocol):
    """How long it takes to open a connection."""

    def slow(self, role: Role, *, posts: bool) -> float:
        """Seconds that a new connection to that org takes, whatever else goes on; 0: none worth mentioning."""


class RegionTransport(httpx.AsyncBaseTransport):
    """One process's way to one region."""

    def __init__(  # noqa: PLR0917 - what it stands between
        self,
        regions: Regions,
        role: Role,
        process: Process,
        tape: Tape,
        doom: Doom,
        clock: ProcessClock,
        machine: Callable[[], str],
        connecting: Connecting | None = None,
    ) -> None:
        self._connecting = connecting
        self._regions = regions
        self._role = role
        self._process = process
        self._tape = tape
        self._doom = doom
        self._clock = clock
        self._machine = machine
        self._connected = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        process = self._process
        process.alive()
        number = self._doom.next()
        if number == self._doom.before:
            process.kill(f"before its request {number}")
            process.alive()
        trace = cast("Trace", request.extensions["trace"])
        wanted = self._clock.monotonic()
        await self._connect(request, trace)
        if not self._refuses(request):
            # What is refused was never sent. Whoever follows the trace may have the last word before the bytes leave.
            await trace("http11.send_request_headers.started", {"request": request})
        asked, serving = self._depart(request, wanted)
        await asyncio.sleep(0)  # now it has arrived
        if number == self._doom.after:
            process.kill(f"when its request {number} had arrived")
        process.alive()
        if not (serving.done() and serving.result() is NoAnswer.REFUSED):
            self._connected = True
        limit = cast("dict[str, float]", request.extensions["timeout"])["read"]
        try:
            done, _ = await asyncio.wait({serving}, timeout=limit)
        except asyncio.CancelledError:
            self._tape.answered(asked, None)
            raise
        effect = serving.result() if done else None
        if not (isinstance(effect, Response) and effect.pace):
            self._tape.answered(asked, effect)
        if number == self._doom.answered:
            process.kill(f"with the answer to its request {number} at the door")
        process.alive()
        return await self._bring(request, asked, effect, limit)

    async def _connect(self, request: httpx.Request, trace: Trace) -> None:
        """Have a connection; opening one may take its time."""
        posts = request.method == "POST"
        slow = self._connecting.slow(self._role, posts=posts) if self._connecting is not None else 0.0
        if slow and posts:
            self._connected = False  # the one that was kept has died
        if self._connected:
            return
        await trace("connection.connect_tcp.started", {})
        if slow:
            try:
                await asyncio.sleep(slow)
            except asyncio.CancelledError:
                if not posts and request.url.path == RECORD_PATH:
                    self._tape.happened("unconnected", str(self._role), self._process)
                raise
            self._process.alive()
            await trace("connection.connect_tcp.complete", {})

    def _depart(self, request: httpx.Request, wanted: float) -> tuple[Asked, asyncio.Task[Effect]]:
        loop = cast("ProcessLoop", asyncio.get_running_loop())
        content = request.read() if request.method == "POST" else b""
        path = request.url.path
        tape = self._tape
        asked = Asked(
            tape.next,
            tape.now,
            self._process,
            self._machine(),
            self._role,
            request.method,
            path,
            cast("JSON", json.loads(content)) if content else None,
            self._clock.monotonic(),
            wanted,
            self._regions.config.orgs[self._role.other].uuid,
            Both(self._regions.record(Role.PRIMARY), self._regions.record(Role.SECONDARY)),
        )
        tape.note(asked)
        serving = loop.create_task(
            self._regions.handle(self._role, request.method, path, "", dict(request.headers), content),
            context=world_context(),
        )
        return asked, serving

    def _refuses(self, request: httpx.Request) -> bool:
        """Whether a connection for it would be refused just now."""
        darkness = self._regions.darkness(self._role)
        if darkness is not None:
            return darkness.refuses
        due = self._regions.faults.due(self._role, request.method, request.url.path)
        return any(isinstance(fault.kind, ConnectionRefused) for fault in due)

    async def _bring(
        self, request: httpx.Request, asked: Asked, effect: Effect | None, limit: float
    ) -> httpx.Response:
        match effect:
            case None:
                raise httpx.ReadTimeout("silence", request=request)
            case NoAnswer.REFUSED:
                raise httpx.ConnectError("refused", request=request)
            case NoAnswer.RESET:
                self._connected = False
                raise httpx.ReadError("reset", request=request)
            case NoAnswer.CLOSED:
                self._connected = False
                raise httpx.RemoteProtocolError("closed without an answer", request=request)
            case NoAnswer.SILENT:
                await asyncio.sleep(limit)
                raise httpx.ReadTimeout("silence", request=request)
            case Truncated(response=response, sent=sent):
                self._connected = False
                return _respond(response, _Body(response.body[:sent], 0.0, broken=True))
            case Response():
                ended = (lambda: self._tape.answered(asked, effect)) if effect.pace else _nothing
                return _respond(effect, _Body(effect.body, effect.pace, ended=ended))

    async def aclose(self) -> None:
        self._connected = False


def _nothing() -> None:
    pass


class _Body(httpx.AsyncByteStream):
    def __init__(
        self, body: bytes, pace: float, *, broken: bool = False, ended: Callable[[], None] = _nothing
    ) -> None:
        self._body = body
        self._pace = pace
        self._broken = broken
        self._ended = ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._pace:
            for position in range(len(self._body)):
                await asyncio.sleep(self._pace)
                yield self._body[position : position + 1]
            self._ended()
        else:
            yield self._body
        if self._broken:
            raise httpx.RemoteProtocolError("the connection was closed in the middle of the body")


def _respond(response: Response, stream: httpx.AsyncByteStream) -> httpx.Response:
    headers: Any = list(response.headers)
    return httpx.Response(response.status, headers=headers, stream=stream)
