"""One region as an ASGI app: reads the request, asks the core, and brings the effect about on the connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, assert_never

from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as StarletteResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.model.protocols import Clock
from orchestrator.model.status import Role

from .core import Regions
from .effects import Closed, Effect, Refused, Reset, Response, Silent, Truncated
from .wire import MAXIMUM_BODY

CONNECTION = "hamr.connection"
"""The ASGI scope extension that holds the Connection, where the server gives one."""


class Connection(Protocol):
    """What a fault needs of the connection that a request came in on."""

    @property
    def gone(self) -> bool:
        """Whether the client has left."""

    def close(self) -> None:
        """Close it once everything that was sent is out."""

    def reset(self) -> None:
        """Break it off: the client's system sees a reset."""


def region_app(regions: Regions, role: Role, decided: Callable[[], None] = lambda: None) -> ASGIApp:
    """The ASGI app of one region.

    Under a server that gives no Connection (a test's in-process transport), a request whose connection would
    break raises ConnectionResetError, and a silent one waits until the client leaves.

    Args:
        regions: the core.
        role: whose region.
        decided: called after the core has decided and before anything is sent.
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
        connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
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
    connection: Connection | None
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
            case Closed():
                self._required().close()
            case Reset() | Refused():
                # A connection that stands cannot be refused any more: the nearest thing is to break it off.
                self._required().reset()
            case Silent():
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

    def _required(self) -> Connection:
        if self.connection is None:
            raise ConnectionResetError("the simulated region broke off the connection")
        return self.connection
